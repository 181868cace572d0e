DELETE FROM live.products WHERE sku = ANY($1)
