INSERT INTO holes (
  stream, order_id, events, since, updated_at, position
)
VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (stream) DO UPDATE SET
  events = excluded.events,
  updated_at = excluded.updated_at,
  position = excluded.position
