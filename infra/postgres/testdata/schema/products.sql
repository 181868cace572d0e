CREATE TABLE live.products (
  sku                text COLLATE "C" PRIMARY KEY,
  name               text COLLATE "C" NOT NULL,
  price_minor        bigint           NOT NULL,
  currency           text COLLATE "C" NOT NULL,
  listed             boolean          NOT NULL,
  version            bigint           NOT NULL,
  position           bigint           NOT NULL
);
