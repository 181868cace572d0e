SELECT
  warehouse, sku, received, adjusted, reserved, released, committed, returned, position
FROM live.stock
JOIN unnest($1::text[], $2::text[]) AS named (warehouse, sku) USING (warehouse, sku)
