SELECT
  warehouse, sku, received, adjusted, reserved, released, committed, returned, position
FROM live.stock
ORDER BY warehouse, sku
