SELECT
  order_id, phase, reason, attention_step, attention_reason, pending_returns, cancel_asked,
  finished, started_at, updated_at, quiet_until, position
FROM live.fulfilments
WHERE attention_step <> ''
ORDER BY updated_at, order_id
LIMIT $1
