SELECT
  day, currency, placed, orders, units, revenue_minor, refunded_minor, rejected, cancelled, position
FROM sales
WHERE (day, currency) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))
