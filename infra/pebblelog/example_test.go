package pebblelog_test

import (
	"context"
	"fmt"
	"os"

	"orderflow/domain/eventlog"
	"orderflow/infra/pebblelog"
)

// A log lives in a folder. What was acknowledged is there after a restart, and Verify
// reads all of it.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "log")
	check(err)
	defer func() { _ = os.RemoveAll(dir) }()

	log, err := pebblelog.Open(dir, pebblelog.Options{})
	check(err)
	const stream eventlog.Stream = "note-1"
	_, err = log.Append(ctx, stream, 0, eventlog.Pending{ID: eventlog.NewEventID("c", stream, 0), Type: "note.noted.v1", Data: []byte(`"kept"`)})
	check(err)
	check(log.Close())

	log, err = pebblelog.Open(dir, pebblelog.Options{})
	check(err)
	for r, err := range log.Read(ctx, stream, 0) {
		fmt.Println(r.Version, string(r.Data), err)
	}
	check(log.Close())
	report, err := pebblelog.Verify(ctx, dir, pebblelog.Options{}, func(_, _ eventlog.Position) {})
	fmt.Println(report.OK(), report.Events, err)
	// Output:
	// 1 "kept" <nil>
	// true 1 <nil>
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
