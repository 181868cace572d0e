SELECT
  day, currency, placed, orders, units, revenue_minor, refunded_minor, rejected, cancelled, position
FROM live.sales
WHERE day >= $1 AND day < $2
ORDER BY day, currency
LIMIT $3
