package scrub_test

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"orderflow/infra/pebblelog/scrub"
)

// A scrub reads the tables of a database and compares every block with its checksum.
func Example() {
	fs := vfs.NewMem()
	options := &pebble.Options{FS: fs}
	db, err := pebble.Open("db", options)
	must(err)
	must(db.Set([]byte("key"), []byte("value"), pebble.Sync))
	must(db.Flush())

	levels, err := scrub.LiveTables(db, func(first, last []byte) string { return fmt.Sprintf("%s to %s", first, last) })
	must(err)
	live := func(scrub.Table) (bool, error) { return true, nil }
	s := scrub.New(fs, "db", options.MakeReaderOptions(), live, scrub.NewestFirst(levels))
	var buffer []byte
	for {
		span, ok, err := s.Next(1 << 20)
		must(err)
		if !ok {
			break
		}
		buffer = span.Check(buffer, func(d *scrub.DamageError) { fmt.Println("damaged:", d) })
	}
	fmt.Println(s.Totals().Tables, "table,", s.Totals().Blocks > 0)
	s.Close()
	fmt.Println(errors.Join(db.Close()))
	// Output:
	// 1 table, true
	// <nil>
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
