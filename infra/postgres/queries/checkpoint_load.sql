SELECT position, marked, id, passed, passed_id FROM checkpoints WHERE name = $1
