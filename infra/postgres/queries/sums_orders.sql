SELECT CASE WHEN status IN ('placed', 'pending_payment') THEN 'orders.open' ELSE 'orders.' || status END, count(*)::bigint FROM live.orders GROUP BY 1
UNION ALL SELECT 'orders.units', sum(units)::bigint FROM live.orders
UNION ALL SELECT 'orders.returned', sum((SELECT sum((line -> 'returned')::text::bigint) FROM json_array_elements(lines::json) AS line))::bigint FROM live.orders WHERE returned_units > 0
UNION ALL SELECT 'orders.total.' || currency, sum(total_minor)::bigint FROM live.orders GROUP BY currency
UNION ALL SELECT 'orders.refunded.' || currency, sum(refunded_minor)::bigint FROM live.orders GROUP BY currency
UNION ALL SELECT 'payments.captured.' || captured_currency, sum(captured_minor)::bigint FROM live.payments WHERE captured_minor <> 0 GROUP BY captured_currency
UNION ALL SELECT 'payments.refunded.' || refunded_currency, sum(refunded_minor)::bigint FROM live.payments WHERE refunded_minor <> 0 GROUP BY refunded_currency
UNION ALL SELECT 'sales.placed', sum(placed)::bigint FROM live.sales
UNION ALL SELECT 'sales.orders', sum(orders)::bigint FROM live.sales
UNION ALL SELECT 'sales.rejected', sum(rejected)::bigint FROM live.sales
UNION ALL SELECT 'sales.cancelled', sum(cancelled)::bigint FROM live.sales
