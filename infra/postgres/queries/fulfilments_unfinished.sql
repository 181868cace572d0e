SELECT
  (SELECT count(*) FROM live.fulfilments WHERE NOT finished AND attention_step = '')
    + (SELECT count(*) FROM live.fulfilments WHERE NOT finished AND attention_step <> ''),
  (SELECT count(*) FROM live.fulfilments WHERE attention_step <> '')
