COPY live.sales (
  day, currency, placed, orders, units, revenue_minor, refunded_minor, rejected, cancelled, position
)
FROM STDIN BINARY
