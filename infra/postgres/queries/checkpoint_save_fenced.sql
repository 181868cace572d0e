INSERT INTO checkpoints (name, position, marked, id, passed, passed_id, token) VALUES ($1, $2, $2, $3, $4, $5, $6)
ON CONFLICT (name) DO UPDATE SET position = excluded.position, marked = excluded.marked, id = excluded.id, passed = excluded.passed, passed_id = excluded.passed_id, token = excluded.token
WHERE checkpoints.token <= excluded.token
