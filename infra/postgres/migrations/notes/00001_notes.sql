-- +goose Up
CREATE TABLE notes (
  name TEXT COLLATE "C" PRIMARY KEY,
  text TEXT NOT NULL
);

-- +goose Down
DROP TABLE notes;
