SELECT CASE WHEN status IN ('placed', 'pending_payment') THEN 'orders.open' ELSE 'orders.' || status END, count(*) FROM orders GROUP BY 1
UNION ALL SELECT 'orders.units', sum(units) FROM orders
UNION ALL SELECT 'orders.returned', sum((SELECT sum(value ->> 'returned') FROM json_each(lines))) FROM orders WHERE returned_units > 0
UNION ALL SELECT 'orders.total.' || currency, sum(total_minor) FROM orders GROUP BY currency
UNION ALL SELECT 'orders.refunded.' || currency, sum(refunded_minor) FROM orders GROUP BY currency
UNION ALL SELECT 'payments.captured.' || captured_currency, sum(captured_minor) FROM payments WHERE captured_minor <> 0 GROUP BY captured_currency
UNION ALL SELECT 'payments.refunded.' || refunded_currency, sum(refunded_minor) FROM payments WHERE refunded_minor <> 0 GROUP BY refunded_currency
UNION ALL SELECT 'sales.placed', sum(placed) FROM sales
UNION ALL SELECT 'sales.orders', sum(orders) FROM sales
UNION ALL SELECT 'sales.rejected', sum(rejected) FROM sales
UNION ALL SELECT 'sales.cancelled', sum(cancelled) FROM sales
