CREATE TABLE products (
  sku         TEXT    PRIMARY KEY,
  name        TEXT    NOT NULL,
  price_minor INTEGER NOT NULL,
  currency    TEXT    NOT NULL,
  listed      INTEGER NOT NULL,
  version     INTEGER NOT NULL,
  position    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX products_listed ON products (sku) WHERE listed = 1;
