SELECT position FROM versions WHERE id = $1
