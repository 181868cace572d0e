-- Which events the position is about. These columns are not in meta.sql: a
-- program that does not know them keeps its place in the file, and so does the
-- file. Such a program moves position alone; then they are about another one.
ALTER TABLE meta ADD COLUMN event_position INTEGER NOT NULL DEFAULT 0;   -- of the last event that was folded
ALTER TABLE meta ADD COLUMN event_id BLOB NOT NULL DEFAULT x'';          -- 16 bytes, or none if it is not known
ALTER TABLE meta ADD COLUMN passed_position INTEGER NOT NULL DEFAULT 0;  -- of an event up to which nothing else is the group's
ALTER TABLE meta ADD COLUMN passed_id BLOB NOT NULL DEFAULT x'';
