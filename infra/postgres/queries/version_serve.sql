UPDATE versions SET state = 'live', position = $2 WHERE id = $1 AND state = 'building'
