SELECT id, position FROM versions WHERE view_group = $1 AND tag = $2 AND state = 'live' FOR UPDATE
