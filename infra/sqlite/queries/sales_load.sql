SELECT
  day, currency, placed, orders, units, revenue_minor, refunded_minor, rejected, cancelled, position
FROM json_each(?1) AS named
CROSS JOIN sales
WHERE sales.day = named.value ->> 0 AND sales.currency = named.value ->> 1
