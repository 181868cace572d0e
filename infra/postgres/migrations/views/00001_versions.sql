-- +goose Up
-- A version is a set of tables in a schema of its own, named by group and id.
-- At most one of a group and tag serves; views in a schema of group and tag
-- name its tables, and change in the transaction that changes the state here.
CREATE TABLE versions (
  id         bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  view_group text        NOT NULL,
  tag        text        NOT NULL, -- of the schema and fold that fill it
  state      text        NOT NULL CHECK (state IN ('building', 'live', 'old')),
  position   bigint      NOT NULL DEFAULT 0, -- up to where its rows reflect the log
  used_at    timestamptz NOT NULL DEFAULT now() -- when a process of this tag was last seen
) WITH (fillfactor = 10);

CREATE UNIQUE INDEX versions_live ON versions (view_group, tag) WHERE state = 'live';

-- advance moves the serving version from one position to the next, or fails
-- with OF001 when it does not stand there or serves no more. The row it locks
-- keeps other writers away until the transaction ends.
-- +goose StatementBegin
CREATE FUNCTION advance(version bigint, above bigint, upto bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE versions SET position = upto WHERE id = version AND state = 'live' AND position = above;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'OF001', MESSAGE = format('version %s does not serve at position %s', version, above);
  END IF;
END $$;
-- +goose StatementEnd

-- +goose Down
DROP FUNCTION advance;
DROP TABLE versions;
