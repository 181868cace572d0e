INSERT INTO versions (view_group, tag, state) VALUES ($1, $2, $3) RETURNING id
