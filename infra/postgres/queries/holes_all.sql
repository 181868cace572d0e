SELECT
  stream, order_id, events, since, updated_at, position
FROM holes
WHERE version = $1
ORDER BY stream
