SELECT
  sku, name, price_minor, currency, listed, version, position
FROM products
WHERE sku IN (SELECT value FROM json_each(?1))
