SELECT
  day, currency, placed, orders, units, revenue_minor, refunded_minor, rejected, cancelled, position
FROM sales
ORDER BY day, currency
