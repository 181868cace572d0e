INSERT OR REPLACE INTO states (stream, schema, version, crc, state) VALUES (?1, ?2, ?3, ?4, ?5)
