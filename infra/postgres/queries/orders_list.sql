SELECT
  id, customer, warehouse, status, reason, detail, lines, units, returned_units, currency,
  total_minor, refunded_minor, payment_reference, tracking, estimated_delivery, origin, placed_at,
  updated_at, version, position
FROM live.orders
WHERE placed_at >= $1 AND placed_at < $2 AND (placed_at, id) < ($3, $4)
ORDER BY placed_at DESC, id DESC
LIMIT $5
