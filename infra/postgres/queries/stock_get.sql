SELECT
  warehouse, sku, received, adjusted, reserved, released, committed, returned, position
FROM live.stock
WHERE warehouse = $1 AND sku = $2
