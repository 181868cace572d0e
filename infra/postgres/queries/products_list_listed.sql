SELECT
  sku, name, price_minor, currency, listed, version, position
FROM live.products
WHERE listed AND sku > $1
ORDER BY sku
LIMIT $2
