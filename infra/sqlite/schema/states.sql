CREATE TABLE IF NOT EXISTS states (
  stream  TEXT    PRIMARY KEY,
  schema  TEXT    NOT NULL,
  version INTEGER NOT NULL,
  crc     INTEGER NOT NULL,
  state   BLOB    NOT NULL
) STRICT;
