INSERT INTO live.products (
  sku, name, price_minor, currency, listed, version, position
)
SELECT * FROM unnest(
  $1::text[], $2::text[], $3::bigint[], $4::text[], $5::boolean[], $6::bigint[], $7::bigint[]
)
ON CONFLICT (sku) DO UPDATE SET
  name = excluded.name,
  price_minor = excluded.price_minor,
  currency = excluded.currency,
  listed = excluded.listed,
  version = excluded.version,
  position = excluded.position
