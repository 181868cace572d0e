INSERT INTO checkpoints (name, position, token) VALUES ($1, $2, $3)
ON CONFLICT (name) DO UPDATE SET position = excluded.position, token = excluded.token
WHERE checkpoints.token <= excluded.token
