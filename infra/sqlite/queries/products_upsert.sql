INSERT INTO products (
  sku, name, price_minor, currency, listed, version, position
)
VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (sku) DO UPDATE SET
  name = excluded.name,
  price_minor = excluded.price_minor,
  currency = excluded.currency,
  listed = excluded.listed,
  version = excluded.version,
  position = excluded.position
