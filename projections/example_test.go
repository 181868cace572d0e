package projections_test

import (
	"context"
	"fmt"
	"os"

	"orderflow/commands"
	"orderflow/domain"
	"orderflow/infra/memory"
	"orderflow/infra/sqlite"
	"orderflow/projections"
)

// A runner folds the log into views, and rebuilds and verifies them.
func Example() {
	ctx := context.Background()
	log := memory.New()
	local := commands.NewLocalSingleWriter(log, nil)
	defer local.Close()
	done, err := local.Send(ctx, commands.ListProduct{SKU: "TEA-1", Name: "Tea", Price: domain.GBP(450)})
	check(err)

	dir, err := os.MkdirTemp("", "views")
	check(err)
	defer func() { _ = os.RemoveAll(dir) }()
	views, err := sqlite.Open(ctx, dir, nil)
	check(err)
	defer func() { _ = views.Close() }()

	runner := projections.NewRunner(projections.Config{Log: log, Views: views})
	running, stop := context.WithCancel(ctx)
	ended := make(chan error)
	go func() { ended <- runner.Run(running) }()
	check(runner.Await(ctx, projections.Products, done.Position))
	row, err := views.Product(ctx, "TEA-1")
	fmt.Println(row.Name, row.Price, err)

	report, err := runner.Verify(ctx, projections.Products, func(projections.Progress) {})
	fmt.Println(report.OK(), report.Rows, err)
	stop()
	fmt.Println(<-ended)
	// Output:
	// Tea 4.50 GBP <nil>
	// true 1 <nil>
	// <nil>
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
