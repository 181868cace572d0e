SELECT count(*) FROM pragma_table_info('meta') WHERE name = 'event_id'
