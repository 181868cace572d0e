DELETE FROM live.payments WHERE order_id = ANY($1)
