SELECT
  sku, name, price_minor, currency, listed, version, position
FROM live.products
ORDER BY sku
