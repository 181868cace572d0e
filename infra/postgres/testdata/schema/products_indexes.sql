CREATE INDEX products_listed ON live.products (sku) WHERE listed;
