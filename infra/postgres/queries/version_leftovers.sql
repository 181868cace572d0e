SELECT id, state, tag, tag <> $2 AND used_at < now() - $3::interval AS unused
FROM versions
WHERE view_group = $1 AND (state <> 'live' OR tag <> $2)
ORDER BY id
