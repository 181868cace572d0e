UPDATE versions SET state = 'old' WHERE id = $1
