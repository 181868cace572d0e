SELECT
  day, currency, placed, orders, units, revenue_minor, refunded_minor, rejected, cancelled, position
FROM live.sales
ORDER BY day, currency
