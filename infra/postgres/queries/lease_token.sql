INSERT INTO leases (name, token, held_by, since) VALUES ($1, 1, $2, now())
ON CONFLICT (name) DO UPDATE SET token = leases.token + 1, held_by = excluded.held_by, since = excluded.since
RETURNING token
