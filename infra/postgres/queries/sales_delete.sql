DELETE FROM live.sales AS s
USING unnest($1::bigint[], $2::text[]) AS named (day, currency)
WHERE s.day = named.day AND s.currency = named.currency
