package node

import (
	"context"
	"errors"
	"io"
	"log/slog"

	"orderflow/cmd/orderflow/internal/terminal"
	"orderflow/infra/retail"
)

// ImportHistory runs a whole node for as long as the import takes.
func ImportHistory(ctx context.Context, c Config, i retail.Import, h retail.History, watcher io.Writer, logger *slog.Logger) (result Imported, err error) {
	app, err := New(ctx, c, logger)
	if err != nil {
		return result, err
	}
	bar := terminal.NewProgress(watcher, "importing invoices", int64(len(h.Invoices)))
	i.Bus, i.Log = app.Bus, app.Log
	i.Progress = func(settled, _ int) { bar.Set(int64(settled)) }
	err = app.While(ctx, func(ctx context.Context) error {
		defer bar.End()
		return throughOutages(ctx, app.Log, c.Explained, func(ctx context.Context) (err error) {
			if result.Report, err = i.Run(ctx, h); err != nil {
				return err
			}
			return app.AwaitViews(ctx)
		})
	})
	return result, errors.Join(err, app.Close())
}

// Imported is what an import prints.
type Imported struct {
	retail.Report
	ElapsedSeconds  float64 `json:"elapsed_s"`
	OrdersPerSecond float64 `json:"orders_per_s"` // the file's orders by this run's time
}
