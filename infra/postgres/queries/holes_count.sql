SELECT count(*)
FROM holes AS h
JOIN versions AS v ON v.id = h.version
WHERE v.view_group = $1 AND v.tag = $2 AND v.state = 'live'
