SELECT
  sku, name, price_minor, currency, listed, version, position
FROM products
ORDER BY sku
