INSERT INTO sales (
  day, currency, placed, orders, units, revenue_minor, refunded_minor, rejected, cancelled, position
)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (day, currency) DO UPDATE SET
  placed = excluded.placed,
  orders = excluded.orders,
  units = excluded.units,
  revenue_minor = excluded.revenue_minor,
  refunded_minor = excluded.refunded_minor,
  rejected = excluded.rejected,
  cancelled = excluded.cancelled,
  position = excluded.position
