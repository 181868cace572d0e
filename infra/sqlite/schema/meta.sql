CREATE TABLE meta (
  id       INTEGER PRIMARY KEY CHECK (id = 1),
  tag      TEXT    NOT NULL, -- of the schema and fold that filled this file
  position INTEGER NOT NULL  -- up to where the rows reflect the log
) STRICT;
