SELECT advance($1, $2, $3)
