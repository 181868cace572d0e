SELECT version, crc, state FROM states WHERE stream = $1 AND schema = $2
