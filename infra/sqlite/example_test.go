package sqlite_test

import (
	"context"
	"fmt"
	"os"

	"orderflow/domain/eventlog"
	"orderflow/infra/sqlite"
)

// Views and checkpoints are files in a folder; both are there after a restart.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "sqlite")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	for range 2 {
		checkpoints, err := sqlite.OpenCheckpoints(ctx, dir, nil)
		if err != nil {
			panic(err)
		}
		saved, err := checkpoints.LoadCheckpoint(ctx, "charging")
		fmt.Println(saved.Position(), err)
		err = checkpoints.SaveCheckpoint(ctx, "charging", eventlog.Checkpoint{Event: eventlog.Mark{Position: 42}})
		fmt.Println(err, checkpoints.Close())
	}
	views, err := sqlite.Open(ctx, dir, nil)
	if err != nil {
		panic(err)
	}
	_, err = views.Order(ctx, "ord_1")
	fmt.Println(err, views.Close())
	// Output:
	// 0 <nil>
	// <nil> <nil>
	// 42 <nil>
	// <nil> <nil>
	// There is no order ord_1. <nil>
}
