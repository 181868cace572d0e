SELECT
  (SELECT count(*) FROM fulfilments WHERE finished = 0 AND attention_step = '')
    + (SELECT count(*) FROM fulfilments WHERE finished = 0 AND attention_step <> ''),
  (SELECT count(*) FROM fulfilments WHERE attention_step <> '')
