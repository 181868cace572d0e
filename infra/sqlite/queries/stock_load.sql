SELECT
  warehouse, sku, received, adjusted, reserved, released, committed, returned, position
FROM stock
WHERE (warehouse, sku) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))
