SELECT
  warehouse, sku, received, adjusted, reserved, released, committed, returned, position
FROM json_each(?1) AS named
CROSS JOIN stock
WHERE stock.warehouse = named.value ->> 0 AND stock.sku = named.value ->> 1
