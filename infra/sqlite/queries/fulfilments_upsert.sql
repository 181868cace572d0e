INSERT INTO fulfilments (
  number, order_id, phase, reason, attention_step, attention_reason, pending_returns, cancel_asked,
  finished, started_at, updated_at, quiet_until, position
)
VALUES (ifnull((SELECT number FROM orders WHERE id = ?), 0), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (number) DO UPDATE SET
  phase = excluded.phase,
  reason = excluded.reason,
  attention_step = excluded.attention_step,
  attention_reason = excluded.attention_reason,
  pending_returns = excluded.pending_returns,
  cancel_asked = excluded.cancel_asked,
  finished = excluded.finished,
  started_at = excluded.started_at,
  updated_at = excluded.updated_at,
  quiet_until = excluded.quiet_until,
  position = excluded.position
