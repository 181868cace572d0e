SELECT order_id
FROM fulfilments
WHERE finished = 0 AND attention_step = '' AND quiet_until < ?1
ORDER BY quiet_until, order_id
LIMIT ?2
