-- +goose Up
-- Which events the position is about. A program that does not know these columns
-- moves position alone; then they are about another one, and do not count.
ALTER TABLE versions
  ADD COLUMN event_position  bigint NOT NULL DEFAULT 0,  -- of the last event that was folded
  ADD COLUMN event_id        bytea  NOT NULL DEFAULT '', -- 16 bytes, or none if it is not known
  ADD COLUMN passed_position bigint NOT NULL DEFAULT 0,  -- of an event up to which nothing else is the group's
  ADD COLUMN passed_id       bytea  NOT NULL DEFAULT '';

-- advance as before, which programs that know no marks go on to call, with the marks.
-- +goose StatementBegin
CREATE FUNCTION advance(version bigint, above bigint, upto bigint, event bigint, event_uuid bytea, passed bigint, passed_uuid bytea) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE versions SET position = upto, event_position = event, event_id = event_uuid, passed_position = passed, passed_id = passed_uuid
  WHERE id = version AND state = 'live' AND position = above;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'OF001', MESSAGE = format('version %s does not serve at position %s', version, above);
  END IF;
END $$;
-- +goose StatementEnd

-- +goose Down
DROP FUNCTION advance(bigint, bigint, bigint, bigint, bytea, bigint, bytea);
ALTER TABLE versions DROP COLUMN event_position, DROP COLUMN event_id, DROP COLUMN passed_position, DROP COLUMN passed_id;
