SELECT tag FROM meta WHERE id = 1
