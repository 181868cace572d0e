DELETE FROM states WHERE rowid <= (SELECT rowid FROM states ORDER BY rowid DESC LIMIT 1 OFFSET ?1)
