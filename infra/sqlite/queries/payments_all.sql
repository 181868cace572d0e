SELECT
  p.order_id, p.status, p.amount_minor, p.amount_currency, p.captured_minor, p.captured_currency,
  p.refunded_minor, p.refunded_currency, p.attempts, p.gateway, p.reference, p.reason, p.retry_at, p.updated_at,
  p.position
FROM orders AS o
CROSS JOIN payments AS p ON p.number = o.number
ORDER BY o.id
