SELECT count(*) FROM pragma_table_info('checkpoints') WHERE name = 'passed_id'
