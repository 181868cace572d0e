SELECT position FROM meta WHERE id = 1
