SELECT pg_notify('orderflow_views', $1)
