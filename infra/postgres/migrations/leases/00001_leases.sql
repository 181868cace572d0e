-- +goose Up
CREATE TABLE leases (
  name    text        COLLATE "C" PRIMARY KEY,
  token   bigint      NOT NULL, -- grows with every holder
  held_by text        NOT NULL, -- for people: who got it last
  since   timestamptz NOT NULL
);

-- +goose Down
DROP TABLE leases;
