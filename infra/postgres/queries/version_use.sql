UPDATE versions SET used_at = now() WHERE view_group = $1 AND tag = $2 AND state = 'live'
