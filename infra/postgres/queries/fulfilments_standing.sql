SELECT order_id
FROM live.fulfilments
WHERE NOT finished AND attention_step = '' AND quiet_until < $1
ORDER BY quiet_until, order_id
LIMIT $2
