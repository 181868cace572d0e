DELETE FROM live.fulfilments WHERE order_id = ANY($1)
