// Package commands is what can be asked of the system, one file per request,
// and how a request becomes an append: load, decide, append, and when somebody
// else was first, decide again on what they left (see [Aggregate]).
package commands

import (
	"context"

	"orderflow/domain"
	"orderflow/domain/catalog"
	"orderflow/domain/decider"
	"orderflow/domain/eventlog"
	"orderflow/domain/fulfilment"
	"orderflow/domain/inventory"
	"orderflow/domain/order"
	"orderflow/domain/payment"
	"orderflow/domain/shipment"
)

// Command is a request. It travels between processes as JSON, under its name.
//
//sumtype:decl
type Command interface {
	// CommandName is the name on the wire and in metrics; it never changes.
	CommandName() string
	do(ctx context.Context, l *Local) (Reply, error)
}

// Reply says what became of a command.
type Reply struct {
	Stream   eventlog.Stream      `json:"stream"`
	Version  eventlog.Version     `json:"version"`  // of the stream, after the command
	Position eventlog.Position    `json:"position"` // a query that carries it sees what the command did
	Events   int                  `json:"events"`   // 0 when the command was no news
	Order    domain.OrderID       `json:"order,omitempty"`
	Short    []inventory.Shortage `json:"short,omitempty"` // why a reservation was refused
}

// Bus carries commands to whoever decides them. Sending the same command again
// is safe, whatever became of the first. Errors have the kinds of package
// domain; Unknown says to send again.
type Bus interface {
	Send(ctx context.Context, c Command) (Reply, error)
}

// StockSchema names the fold of a warehouse's snapshots; it changes with
// inventory.State or how it is folded.
const StockSchema = "inventory.v1"

// Local decides commands in this process. The sagas of the same process use
// its aggregates directly.
type Local struct {
	Orders      *Aggregate[order.State, order.Event]
	Stock       *Aggregate[inventory.State, inventory.Event]
	Payments    *Aggregate[payment.State, payment.Event]
	Shipments   *Aggregate[shipment.State, shipment.Event]
	Products    *Aggregate[catalog.State, catalog.Event]
	Fulfilments *Aggregate[fulfilment.State, fulfilment.Event]
	// Observe, if not nil, is told of every command.
	Observe func(ctx context.Context, c Command, err error)
}

// NewLocal decides on a log; snapshots may be nil.
func NewLocal(log eventlog.Store, snapshots eventlog.Snapshots) *Local {
	l := &Local{
		Orders:      NewAggregate(log, order.Decider, order.Codec),
		Stock:       NewAggregate(log, inventory.Decider, inventory.Codec),
		Payments:    NewAggregate(log, payment.Decider, payment.Codec),
		Shipments:   NewAggregate(log, shipment.Decider, shipment.Codec),
		Products:    NewAggregate(log, catalog.Decider, catalog.Codec),
		Fulfilments: NewAggregate(log, fulfilment.Decider, fulfilment.Codec),
	}
	if snapshots != nil {
		l.Stock.KeepSnapshots(snapshots, StockSchema)
	}
	return l
}

// Send implements [Bus].
func (l *Local) Send(ctx context.Context, c Command) (Reply, error) {
	r, err := c.do(ctx, l)
	if l.Observe != nil {
		l.Observe(ctx, c, err)
	}
	return r, err
}

// Close waits for what is being decided.
func (l *Local) Close() {
	l.Orders.Close()
	l.Stock.Close()
	l.Payments.Close()
	l.Shipments.Close()
	l.Products.Close()
	l.Fulfilments.Close()
}

// Nobody refuses every command: the bus of a process that was given none.
type Nobody struct{}

// Send implements [Bus].
func (Nobody) Send(_ context.Context, c Command) (Reply, error) {
	return Reply{}, domain.Errorf(domain.Unavailable, "Nobody in this process takes the command %s.", c.CommandName())
}

// transact decides on one stream and answers with where that ended.
func transact[S any, E eventlog.Typed](ctx context.Context, a *Aggregate[S, E], s eventlog.Stream, cause Cause, decide decider.Decision[S, E]) (Reply, error) {
	r, err := a.Do(ctx, s, cause, decide, nil)
	if err != nil {
		return Reply{}, err
	}
	return Reply{Stream: s, Version: r.Version, Position: r.Position, Events: r.Events}, nil
}

// because names a command by what it is about, so that a repeat derives the same event ids.
func because(c Command, correlation domain.OrderID, parts ...string) Cause {
	return Cause{
		Command:     domain.Digest(append([]string{c.CommandName()}, parts...)...),
		Correlation: string(correlation), Actor: "command:" + c.CommandName(),
	}
}
