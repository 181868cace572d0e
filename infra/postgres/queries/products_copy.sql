COPY live.products (
  sku, name, price_minor, currency, listed, version, position
)
FROM STDIN BINARY
