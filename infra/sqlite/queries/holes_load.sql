SELECT
  stream, order_id, events, since, updated_at, position
FROM holes
WHERE stream IN (SELECT value FROM json_each(?1))
