INSERT INTO orders (
  id, customer, warehouse, status, reason, detail, lines, units, returned_units, currency,
  total_minor, refunded_minor, payment_reference, tracking, estimated_delivery, origin, placed_at,
  updated_at, version, position
)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
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
