SELECT
  sku, name, price_minor, currency, listed, version, position
FROM products
WHERE listed = 1 AND sku > ?1
ORDER BY sku
LIMIT ?2
