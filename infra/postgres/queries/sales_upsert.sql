INSERT INTO live.sales (
  day, currency, placed, orders, units, revenue_minor, refunded_minor, rejected, cancelled, position
)
SELECT * FROM unnest(
  $1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
  $8::bigint[], $9::bigint[], $10::bigint[]
)
ON CONFLICT (day, currency) DO UPDATE SET
  placed = excluded.placed,
  orders = excluded.orders,
  units = excluded.units,
  revenue_minor = excluded.revenue_minor,
  refunded_minor = excluded.refunded_minor,
  rejected = excluded.rejected,
  cancelled = excluded.cancelled,
  position = excluded.position
