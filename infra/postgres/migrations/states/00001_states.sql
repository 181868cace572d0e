-- +goose Up
CREATE SEQUENCE states_saved;
CREATE TABLE states (
  stream  text   COLLATE "C" PRIMARY KEY,
  schema  text   COLLATE "C" NOT NULL,
  version bigint NOT NULL,
  crc     bigint NOT NULL,
  saved   bigint NOT NULL, -- the order in which they were saved; the oldest give way
  state   bytea  NOT NULL
);
-- States come compressed or do not compress; trying costs more than it saves.
ALTER TABLE states ALTER COLUMN state SET STORAGE EXTERNAL;

-- +goose Down
DROP TABLE states;
DROP SEQUENCE states_saved;
