SELECT
  stream, order_id, events, since, updated_at, position
FROM holes
ORDER BY stream
