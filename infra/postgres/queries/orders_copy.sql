COPY live.orders (
  id, customer, warehouse, status, reason, detail, lines, units, returned_units, currency,
  total_minor, refunded_minor, payment_reference, tracking, estimated_delivery, origin, placed_at,
  updated_at, version, position
)
FROM STDIN BINARY
