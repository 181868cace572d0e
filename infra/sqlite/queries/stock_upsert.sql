INSERT INTO stock (
  warehouse, sku, received, adjusted, reserved, released, committed, returned, position
)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (warehouse, sku) DO UPDATE SET
  received = excluded.received,
  adjusted = excluded.adjusted,
  reserved = excluded.reserved,
  released = excluded.released,
  committed = excluded.committed,
  returned = excluded.returned,
  position = excluded.position
