SELECT text FROM notes WHERE name = $1
