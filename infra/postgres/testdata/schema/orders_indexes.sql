CREATE INDEX orders_placed   ON live.orders (placed_at, id);
CREATE INDEX orders_customer ON live.orders (customer, placed_at, id);
CREATE INDEX orders_status   ON live.orders (status, placed_at, id);
-- Finds what changed above a position.
CREATE INDEX orders_position ON live.orders (position);
-- Only what is unfinished is in these, so they stay small however many orders there were.
CREATE INDEX fulfilments_standing  ON live.fulfilments (quiet_until, order_id) WHERE NOT finished AND attention_step = '';
CREATE INDEX fulfilments_attention ON live.fulfilments (updated_at, order_id) WHERE attention_step <> '';
