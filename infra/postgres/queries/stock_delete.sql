DELETE FROM live.stock AS s
USING unnest($1::text[], $2::text[]) AS named (warehouse, sku)
WHERE s.warehouse = named.warehouse AND s.sku = named.sku
