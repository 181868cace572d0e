INSERT INTO live.orders (
  id, customer, warehouse, status, reason, detail, lines, units, returned_units, currency,
  total_minor, refunded_minor, payment_reference, tracking, estimated_delivery, origin, placed_at,
  updated_at, version, position
)
SELECT * FROM unnest(
  $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[],
  $9::bigint[], $10::text[], $11::bigint[], $12::bigint[], $13::text[], $14::text[], $15::bigint[],
  $16::text[], $17::bigint[], $18::bigint[], $19::bigint[], $20::bigint[]
)
ON CONFLICT (id) DO UPDATE SET
  status = excluded.status,
  reason = excluded.reason,
  detail = excluded.detail,
  lines = excluded.lines,
  returned_units = excluded.returned_units,
  refunded_minor = excluded.refunded_minor,
  payment_reference = excluded.payment_reference,
  tracking = excluded.tracking,
  estimated_delivery = excluded.estimated_delivery,
  updated_at = excluded.updated_at,
  version = excluded.version,
  position = excluded.position
