INSERT INTO live.fulfilments (
  order_id, phase, reason, attention_step, attention_reason, pending_returns, cancel_asked,
  finished, started_at, updated_at, quiet_until, position
)
SELECT * FROM unnest(
  $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::boolean[],
  $8::boolean[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[]
)
ON CONFLICT (order_id) DO UPDATE SET
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
