package main

import (
	"context"
	"log/slog"

	"orderflow/domain/eventlog"
	"orderflow/infra/sqlite"
	"orderflow/projections"
	"orderflow/readmodels"
	"orderflow/sagas"
)

// viewStore is a node's views, wherever they are kept.
type viewStore interface {
	projections.Views
	readmodels.Orders
	readmodels.Payments
	readmodels.Fulfilments
	readmodels.Stocks
	readmodels.Products
	readmodels.Sales
	Close() error
}

// checkpointStore remembers how far the sagas have read.
type checkpointStore interface {
	sagas.Checkpoints
	Close() error
}

// follows tells how far the views are, whoever moves them.
type follows interface {
	Await(ctx context.Context, group string, at eventlog.Position) error
	Changes() *projections.Changes
	Status(ctx context.Context) ([]projections.Status, error)
}

// openViews opens the views that a configuration names.
func openViews(ctx context.Context, c config, logger *slog.Logger) (viewStore, error) {
	return sqlite.Open(ctx, c.viewsDir(), logger)
}
