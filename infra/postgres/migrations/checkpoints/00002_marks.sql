-- +goose Up
ALTER TABLE checkpoints
  ADD COLUMN marked    bigint NOT NULL DEFAULT 0,   -- the position that id belongs to; another one than position: a program without ids has saved since
  ADD COLUMN id        bytea  NOT NULL DEFAULT '',  -- of the event at marked
  ADD COLUMN passed    bigint NOT NULL DEFAULT 0,   -- nothing for the reader lies between marked and here
  ADD COLUMN passed_id bytea  NOT NULL DEFAULT '';  -- of the event at passed

-- +goose Down
ALTER TABLE checkpoints DROP COLUMN marked, DROP COLUMN id, DROP COLUMN passed, DROP COLUMN passed_id;
