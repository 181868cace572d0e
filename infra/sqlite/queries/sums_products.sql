SELECT 'products.count', count(*) FROM products
