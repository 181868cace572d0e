UPDATE meta SET position = ?2, event_position = ?3, event_id = ?4, passed_position = ?5, passed_id = ?6
WHERE id = 1 AND position = ?1
