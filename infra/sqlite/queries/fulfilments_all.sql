SELECT
  f.order_id, f.phase, f.reason, f.attention_step, f.attention_reason, f.pending_returns, f.cancel_asked,
  f.finished, f.started_at, f.updated_at, f.quiet_until, f.position
FROM orders AS o
CROSS JOIN fulfilments AS f ON f.number = o.number
ORDER BY o.id
