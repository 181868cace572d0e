SELECT 'stock.received', sum(received) FROM stock
UNION ALL SELECT 'stock.adjusted', sum(adjusted) FROM stock
UNION ALL SELECT 'stock.reserved', sum(reserved) FROM stock
UNION ALL SELECT 'stock.released', sum(released) FROM stock
UNION ALL SELECT 'stock.committed', sum(committed) FROM stock
UNION ALL SELECT 'stock.returned', sum(returned) FROM stock
