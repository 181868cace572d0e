UPDATE meta SET position = ?2 WHERE id = 1 AND position = ?1
