SELECT state FROM versions WHERE id = $1
