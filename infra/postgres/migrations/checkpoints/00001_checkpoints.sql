-- +goose Up
CREATE TABLE checkpoints (
  name     text   COLLATE "C" PRIMARY KEY,
  position bigint NOT NULL,
  token    bigint NOT NULL DEFAULT 0 -- of the newest holder of a lease that was seen here
) WITH (fillfactor = 50);

-- +goose Down
DROP TABLE checkpoints;
