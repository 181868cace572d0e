SELECT
  order_id, phase, reason, attention_step, attention_reason, pending_returns, cancel_asked,
  finished, started_at, updated_at, quiet_until, position
FROM fulfilments
WHERE number = (SELECT number FROM orders WHERE id = ?1)
