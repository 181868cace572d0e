SELECT
  order_id, status, amount_minor, amount_currency, captured_minor, captured_currency,
  refunded_minor, refunded_currency, attempts, gateway, reference, reason, retry_at, updated_at,
  position
FROM live.payments
WHERE order_id = ANY($1)
