INSERT INTO live.stock (
  warehouse, sku, received, adjusted, reserved, released, committed, returned, position
)
SELECT * FROM unnest(
  $1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
  $8::bigint[], $9::bigint[]
)
ON CONFLICT (warehouse, sku) DO UPDATE SET
  received = excluded.received,
  adjusted = excluded.adjusted,
  reserved = excluded.reserved,
  released = excluded.released,
  committed = excluded.committed,
  returned = excluded.returned,
  position = excluded.position
