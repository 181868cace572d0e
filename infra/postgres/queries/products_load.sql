SELECT
  sku, name, price_minor, currency, listed, version, position
FROM live.products
WHERE sku = ANY($1)
