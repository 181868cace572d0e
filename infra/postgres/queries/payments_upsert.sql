INSERT INTO live.payments (
  order_id, status, amount_minor, amount_currency, captured_minor, captured_currency,
  refunded_minor, refunded_currency, attempts, gateway, reference, reason, retry_at, updated_at,
  position
)
SELECT * FROM unnest(
  $1::text[], $2::text[], $3::bigint[], $4::text[], $5::bigint[], $6::text[], $7::bigint[],
  $8::text[], $9::bigint[], $10::text[], $11::text[], $12::text[], $13::bigint[], $14::bigint[],
  $15::bigint[]
)
ON CONFLICT (order_id) DO UPDATE SET
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
