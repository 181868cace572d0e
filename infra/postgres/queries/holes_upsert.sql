INSERT INTO holes (
  version, stream, order_id, events, since, updated_at, position
)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (version, stream) DO UPDATE SET
  events = excluded.events,
  updated_at = excluded.updated_at,
  position = excluded.position
