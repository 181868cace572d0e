SELECT
  day, currency, placed, orders, units, revenue_minor, refunded_minor, rejected, cancelled, position
FROM live.sales
JOIN unnest($1::bigint[], $2::text[]) AS named (day, currency) USING (day, currency)
