INSERT INTO checkpoints (name, position, token) VALUES ($1, 0, $2)
ON CONFLICT (name) DO UPDATE SET token = excluded.token
WHERE checkpoints.token <= excluded.token
RETURNING position, marked, id, passed, passed_id
