-- The lines of an order are one JSON column and not a row each: they are only
-- ever read and written together with the order, and ten rows with their index
-- cost five times as much to write as one text.
CREATE TABLE live.orders (
  id                 text COLLATE "C" PRIMARY KEY,
  customer           text COLLATE "C" NOT NULL,
  warehouse          text COLLATE "C" NOT NULL,
  status             text COLLATE "C" NOT NULL,
  reason             text COLLATE "C" NOT NULL,
  detail             text COLLATE "C" NOT NULL,
  lines              text COLLATE "C" NOT NULL,
  units              bigint           NOT NULL,
  returned_units     bigint           NOT NULL,
  currency           text COLLATE "C" NOT NULL,
  total_minor        bigint           NOT NULL,
  refunded_minor     bigint           NOT NULL,
  payment_reference  text COLLATE "C" NOT NULL,
  tracking           text COLLATE "C" NOT NULL,
  estimated_delivery bigint           NOT NULL, -- all times: microseconds since 1970, UTC
  origin             text COLLATE "C" NOT NULL,
  placed_at          bigint           NOT NULL,
  updated_at         bigint           NOT NULL,
  version            bigint           NOT NULL,
  position           bigint           NOT NULL
);

CREATE TABLE live.payments (
  order_id           text COLLATE "C" PRIMARY KEY,
  status             text COLLATE "C" NOT NULL,
  amount_minor       bigint           NOT NULL,
  amount_currency    text COLLATE "C" NOT NULL,
  captured_minor     bigint           NOT NULL,
  captured_currency  text COLLATE "C" NOT NULL,
  refunded_minor     bigint           NOT NULL,
  refunded_currency  text COLLATE "C" NOT NULL,
  attempts           bigint           NOT NULL,
  gateway            text COLLATE "C" NOT NULL,
  reference          text COLLATE "C" NOT NULL,
  reason             text COLLATE "C" NOT NULL,
  retry_at           bigint           NOT NULL,
  updated_at         bigint           NOT NULL,
  position           bigint           NOT NULL
);

CREATE TABLE live.fulfilments (
  order_id           text COLLATE "C" PRIMARY KEY,
  phase              text COLLATE "C" NOT NULL,
  reason             text COLLATE "C" NOT NULL,
  attention_step     text COLLATE "C" NOT NULL,
  attention_reason   text COLLATE "C" NOT NULL,
  pending_returns    bigint           NOT NULL,
  cancel_asked       boolean          NOT NULL,
  finished           boolean          NOT NULL,
  started_at         bigint           NOT NULL,
  updated_at         bigint           NOT NULL,
  quiet_until        bigint           NOT NULL,
  position           bigint           NOT NULL
);

CREATE TABLE live.sales (
  day                bigint           NOT NULL,
  currency           text COLLATE "C" NOT NULL,
  placed             bigint           NOT NULL,
  orders             bigint           NOT NULL,
  units              bigint           NOT NULL,
  revenue_minor      bigint           NOT NULL,
  refunded_minor     bigint           NOT NULL,
  rejected           bigint           NOT NULL,
  cancelled          bigint           NOT NULL,
  position           bigint           NOT NULL,
  PRIMARY KEY (day, currency)
);
