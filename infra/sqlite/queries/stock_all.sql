SELECT
  warehouse, sku, received, adjusted, reserved, released, committed, returned, position
FROM stock
ORDER BY warehouse, sku
