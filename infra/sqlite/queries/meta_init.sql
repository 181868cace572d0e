INSERT INTO meta (id, tag, position) VALUES (1, ?1, 0)
