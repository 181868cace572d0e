-- +goose Up
-- Streams of which a version set events aside, because the log lacks those
-- before them. They are few, so all versions share one table; the rows of a
-- version go with it.
CREATE TABLE holes (
  version    bigint           NOT NULL REFERENCES versions (id) ON DELETE CASCADE,
  stream     text COLLATE "C" NOT NULL,
  order_id   text COLLATE "C" NOT NULL, -- empty if the stream is about none
  events     bigint           NOT NULL, -- that were set aside
  since      bigint           NOT NULL, -- all times: microseconds since 1970, UTC
  updated_at bigint           NOT NULL,
  position   bigint           NOT NULL,
  PRIMARY KEY (version, stream)
);

-- +goose Down
DROP TABLE holes;
