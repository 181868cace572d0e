CREATE TABLE live.stock (
  warehouse          text COLLATE "C" NOT NULL,
  sku                text COLLATE "C" NOT NULL,
  received           bigint           NOT NULL,
  adjusted           bigint           NOT NULL,
  reserved           bigint           NOT NULL,
  released           bigint           NOT NULL,
  committed          bigint           NOT NULL,
  returned           bigint           NOT NULL,
  position           bigint           NOT NULL,
  PRIMARY KEY (warehouse, sku)
);
