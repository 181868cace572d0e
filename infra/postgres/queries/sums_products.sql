SELECT 'products.count', count(*) FROM live.products
