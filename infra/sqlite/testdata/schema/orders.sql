-- Orders are numbered as they began, and what belongs to one lies under its
-- number: so the rows that still change share a few pages, however many there
-- are. One index finds the number of an id, which is a hash: each order that
-- begins costs one page of it that is in no cache, and more such indexes would
-- cost one each.
--
-- The lines of an order are one JSON column and not a row each: they are only
-- ever read and written together with the order, and ten rows with their index
-- cost five times as much to write as one text.
CREATE TABLE orders (
  number             INTEGER PRIMARY KEY,
  id                 TEXT    NOT NULL UNIQUE,
  customer           TEXT    NOT NULL,
  warehouse          TEXT    NOT NULL,
  status             TEXT    NOT NULL,
  reason             TEXT    NOT NULL,
  detail             TEXT    NOT NULL,
  lines              TEXT    NOT NULL,
  units              INTEGER NOT NULL,
  returned_units     INTEGER NOT NULL,
  currency           TEXT    NOT NULL,
  total_minor        INTEGER NOT NULL,
  refunded_minor     INTEGER NOT NULL,
  payment_reference  TEXT    NOT NULL,
  tracking           TEXT    NOT NULL,
  estimated_delivery INTEGER NOT NULL, -- all times: microseconds since 1970, UTC
  origin             TEXT    NOT NULL,
  placed_at          INTEGER NOT NULL,
  updated_at         INTEGER NOT NULL,
  version            INTEGER NOT NULL,
  position           INTEGER NOT NULL
) STRICT;
CREATE INDEX orders_placed   ON orders (placed_at, id);
CREATE INDEX orders_customer ON orders (customer, placed_at, id);
CREATE INDEX orders_status   ON orders (status, placed_at, id);

CREATE TABLE payments (
  number            INTEGER PRIMARY KEY CHECK (number > 0), -- of the order; 0 is none
  order_id          TEXT    NOT NULL,
  status            TEXT    NOT NULL,
  amount_minor      INTEGER NOT NULL,
  amount_currency   TEXT    NOT NULL,
  captured_minor    INTEGER NOT NULL,
  captured_currency TEXT    NOT NULL,
  refunded_minor    INTEGER NOT NULL,
  refunded_currency TEXT    NOT NULL,
  attempts          INTEGER NOT NULL,
  gateway           TEXT    NOT NULL,
  reference         TEXT    NOT NULL,
  reason            TEXT    NOT NULL,
  retry_at          INTEGER NOT NULL,
  updated_at        INTEGER NOT NULL,
  position          INTEGER NOT NULL
) STRICT;

CREATE TABLE fulfilments (
  number           INTEGER PRIMARY KEY CHECK (number > 0),
  order_id         TEXT    NOT NULL,
  phase            TEXT    NOT NULL,
  reason           TEXT    NOT NULL,
  attention_step   TEXT    NOT NULL,
  attention_reason TEXT    NOT NULL,
  pending_returns  INTEGER NOT NULL,
  cancel_asked     INTEGER NOT NULL,
  finished         INTEGER NOT NULL,
  started_at       INTEGER NOT NULL,
  updated_at       INTEGER NOT NULL,
  quiet_until      INTEGER NOT NULL,
  position         INTEGER NOT NULL
) STRICT;
-- Only what is unfinished is in these, so they stay small however many orders there were.
CREATE INDEX fulfilments_standing  ON fulfilments (quiet_until, order_id) WHERE finished = 0 AND attention_step = '';
CREATE INDEX fulfilments_attention ON fulfilments (updated_at, order_id) WHERE attention_step <> '';

CREATE TABLE sales (
  day            INTEGER NOT NULL,
  currency       TEXT    NOT NULL,
  placed         INTEGER NOT NULL,
  orders         INTEGER NOT NULL,
  units          INTEGER NOT NULL,
  revenue_minor  INTEGER NOT NULL,
  refunded_minor INTEGER NOT NULL,
  rejected       INTEGER NOT NULL,
  cancelled      INTEGER NOT NULL,
  position       INTEGER NOT NULL,
  PRIMARY KEY (day, currency)
) STRICT, WITHOUT ROWID;
