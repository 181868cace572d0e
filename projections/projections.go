// Package projections keeps the read models up to date with the log.
//
//	log ──Subscribe──▶ reader ──decoded events──▶ writer ──rows + position, one transaction──▶ Store
//	      (categories)         (bounded queue)     │ folds up to 1,000 events                   │
//	                                               └──────────── Changes ◀── after commit ──────┘
//
// Views come in groups. A group reads the log once, decodes each event once,
// and keeps its rows in a store of its own, so that groups write at the same
// time, break alone and are rebuilt alone. Rows and position move in one
// transaction, so a crash repeats whole batches or nothing; an event at or
// below the position is never folded again.
//
// A store keeps a checkpoint: the last event that was folded, with its id, and an
// event up to which nothing else is the group's. It is proven when the group
// begins to follow. If the log no longer has that event, because it was replaced or
// restored from an older backup, the group is rebuilt beside its old rows, which serve
// meanwhile; [Runner.Ready] reports it.
//
// An event that cannot be read or folded stops its group, which says so in
// its [Status] until it is rebuilt; it is never stepped over.
package projections

import (
	"context"
	"time"

	"orderflow/domain"
	"orderflow/domain/catalog"
	"orderflow/domain/eventlog"
	"orderflow/domain/fulfilment"
	"orderflow/domain/inventory"
	"orderflow/domain/order"
	"orderflow/domain/payment"
	"orderflow/domain/shipment"
	"orderflow/readmodels"
)

// Limits of a group's work.
const (
	// MaxBatchEvents bounds the events of one transaction of a live view.
	MaxBatchEvents = 1_000
	// MaxBatchWait bounds how long the first event of a batch waits for further ones.
	MaxBatchWait = 20 * time.Millisecond
	// MaxRebuildBatchEvents bounds the events that a rebuild folds at once: no reader
	// waits for it, and one query loads all rows that are not in memory.
	MaxRebuildBatchEvents = 20_000
	// MaxBatchBytes bounds the data of the events of one batch, as stored.
	MaxBatchBytes = 32 << 20
	// MaxCachedWeight bounds the rows a group keeps in memory between batches;
	// a row weighs 1, and 1 more for each line. A line is about 100 bytes.
	MaxCachedWeight = 1 << 16
	// MaxUnwrittenWeight bounds the changed rows that a replay keeps in memory
	// before it writes them: some thousand orders, about 10 MiB. An order that
	// is written twice costs twice.
	MaxUnwrittenWeight = 1 << 16
	// StoreRetryWait is how long a group waits after its store failed.
	StoreRetryWait = time.Second
	// IdleAdvanceWait is how often an idle group moves its position over
	// events of other groups, so that lag and waiting readers see the truth.
	IdleAdvanceWait = time.Second
)

// The names of the groups.
const (
	Orders   = "orders"   // orders, payments, fulfilments, sales
	Stock    = "stock"    // stock
	Products = "products" // products
)

// Group is a set of views that move together.
type Group struct {
	Name       string
	Categories []string // of the streams it reads

	views  []view
	admits func(u *unit) func(context.Context, event) (bool, error) // see [unit]; may be nil
}

// view is a view and what folds events into its rows.
type view struct {
	readmodels.Table
	fold func(u *unit) viewFold
}

// Groups lists all groups. Orders, payments, fulfilments and sales share one
// because each looks at the others' rows; stock and products stand alone.
func Groups() []Group {
	return []Group{
		{
			Name:       Orders,
			Categories: []string{order.Category, payment.Category, fulfilment.Category, shipment.Category},
			// An event is folded in this order. Sales come first: they compare the order
			// as it was with what happens to it.
			views: []view{
				{readmodels.SalesView, foldSales},
				{readmodels.OrderView, foldOrders},
				{readmodels.PaymentView, foldPayments},
				{readmodels.FulfilmentView, foldFulfilments},
			},
			admits: admitsOrders,
		},
		{Name: Stock, Categories: []string{inventory.Category}, views: []view{{readmodels.StockView, foldStock}}},
		{Name: Products, Categories: []string{catalog.Category}, views: []view{{readmodels.ProductView, foldProducts}}},
	}
}

// Views returns the group's views, those with a parent after the parent.
func (g Group) Views() []readmodels.Table {
	all := make([]readmodels.Table, len(g.views))
	for i, v := range g.views {
		all[i] = v.Table
	}
	return all
}

// Tables returns the views, and last the one of holes, which every group has.
func (g Group) Tables() []readmodels.Table { return append(g.Views(), readmodels.HoleView) }

// GroupOf finds a group by name; NotFound otherwise.
func GroupOf(name string) (Group, error) {
	for _, g := range Groups() {
		if g.Name == name {
			return g, nil
		}
	}
	return Group{}, domain.Errorf(domain.NotFound, "There is no view group %q; there are %s, %s and %s.", name, Orders, Stock, Products)
}

// Log is what projections read.
type Log interface {
	eventlog.Store
	eventlog.EndReader
}
