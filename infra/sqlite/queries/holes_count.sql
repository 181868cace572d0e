SELECT count(*) FROM holes
