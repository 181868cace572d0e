DELETE FROM live.orders WHERE id = ANY($1)
