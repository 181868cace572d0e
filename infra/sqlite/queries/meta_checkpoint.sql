SELECT position, event_position, event_id, passed_position, passed_id FROM meta WHERE id = 1
