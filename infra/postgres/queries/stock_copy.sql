COPY live.stock (
  warehouse, sku, received, adjusted, reserved, released, committed, returned, position
)
FROM STDIN BINARY
