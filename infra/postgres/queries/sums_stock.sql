SELECT 'stock.received', sum(received)::bigint FROM live.stock
UNION ALL SELECT 'stock.adjusted', sum(adjusted)::bigint FROM live.stock
UNION ALL SELECT 'stock.reserved', sum(reserved)::bigint FROM live.stock
UNION ALL SELECT 'stock.released', sum(released)::bigint FROM live.stock
UNION ALL SELECT 'stock.committed', sum(committed)::bigint FROM live.stock
UNION ALL SELECT 'stock.returned', sum(returned)::bigint FROM live.stock
