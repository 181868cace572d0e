SELECT
  order_id, status, amount_minor, amount_currency, captured_minor, captured_currency,
  refunded_minor, refunded_currency, attempts, gateway, reference, reason, retry_at, updated_at,
  position
FROM payments
WHERE number IN (SELECT number FROM orders WHERE id IN (SELECT value FROM json_each(?1)))
