ALTER TABLE checkpoints ADD COLUMN marked    INTEGER NOT NULL DEFAULT 0;    -- the position that id belongs to; another one than position: a program without ids has saved since
ALTER TABLE checkpoints ADD COLUMN id        BLOB    NOT NULL DEFAULT x'';  -- of the event at marked
ALTER TABLE checkpoints ADD COLUMN passed    INTEGER NOT NULL DEFAULT 0;    -- nothing for the reader lies between marked and here
ALTER TABLE checkpoints ADD COLUMN passed_id BLOB    NOT NULL DEFAULT x'';  -- of the event at passed
