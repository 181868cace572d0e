INSERT INTO payments (
  number, order_id, status, amount_minor, amount_currency, captured_minor, captured_currency,
  refunded_minor, refunded_currency, attempts, gateway, reference, reason, retry_at, updated_at,
  position
)
VALUES (ifnull((SELECT number FROM orders WHERE id = ?), 0), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (number) DO UPDATE SET
  status = excluded.status,
  amount_minor = excluded.amount_minor,
  amount_currency = excluded.amount_currency,
  captured_minor = excluded.captured_minor,
  captured_currency = excluded.captured_currency,
  refunded_minor = excluded.refunded_minor,
  refunded_currency = excluded.refunded_currency,
  attempts = excluded.attempts,
  gateway = excluded.gateway,
  reference = excluded.reference,
  reason = excluded.reason,
  retry_at = excluded.retry_at,
  updated_at = excluded.updated_at,
  position = excluded.position
