INSERT INTO states (stream, schema, version, crc, state, saved) VALUES ($1, $2, $3, $4, $5, nextval('states_saved'))
ON CONFLICT (stream) DO UPDATE SET
  schema = excluded.schema,
  version = excluded.version,
  crc = excluded.crc,
  state = excluded.state,
  saved = excluded.saved
