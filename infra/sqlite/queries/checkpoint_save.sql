INSERT INTO checkpoints (name, position, marked, id, passed, passed_id) VALUES (?1, ?2, ?2, ?3, ?4, ?5)
ON CONFLICT (name) DO UPDATE SET position = excluded.position, marked = excluded.marked, id = excluded.id, passed = excluded.passed, passed_id = excluded.passed_id
