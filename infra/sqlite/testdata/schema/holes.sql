-- Streams of which events were set aside, because the log lacks those before
-- them. The table is not in the files by group: a program that does not know it
-- keeps its place in the file, and so does the file.
CREATE TABLE IF NOT EXISTS holes (
  stream     TEXT    PRIMARY KEY,
  order_id   TEXT    NOT NULL, -- empty if the stream is about none
  events     INTEGER NOT NULL, -- that were set aside
  since      INTEGER NOT NULL, -- all times: microseconds since 1970, UTC
  updated_at INTEGER NOT NULL,
  position   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
