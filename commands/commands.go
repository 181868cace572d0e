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
	// about is the stream that it is decided on first.
	about() eventlog.Stream
	do(ctx context.Context, l *Local) (Reply, error)
}

// StreamOf names the stream that a command is decided on first: a process that
// gets all commands of a stream decides about it from memory.
func StreamOf(c Command) eventlog.Stream { return c.about() }

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

// Local decides commands in this process. The sagas of the same process use
// its aggregates directly.
type Local struct {
	Orders      *Aggregate[order.State, order.Event]
	Stock       *Aggregate[inventory.State, inventory.Event]
	Payments    *Aggregate[payment.State, payment.Event]
	Shipments   *Aggregate[shipment.State, shipment.Event]
	Products    *Aggregate[catalog.State, catalog.Event]
	Fulfilments *Aggregate[fulfilment.State, fulfilment.Event]
	Prices      Prices // what new orders cost

	// Observe, if not nil, is told of every command.
	Observe func(ctx context.Context, c Command, err error)
}

// NewLocal decides on a log that other processes may append to as well;
// snapshots may be nil.
func NewLocal(log eventlog.Store, snapshots eventlog.Snapshots) *Local {
	return newLocal(log, snapshots, false)
}

// NewLocalAlone decides on a log that no other process appends to: what is in
// memory is then the truth and is not read again. See [Options.Alone].
func NewLocalAlone(log eventlog.Store, snapshots eventlog.Snapshots) *Local {
	return newLocal(log, snapshots, true)
}

func newLocal(log eventlog.Store, snapshots eventlog.Snapshots, alone bool) *Local {
	l := &Local{
		Orders:      NewAggregate(log, order.Decider, order.Codec, Options[order.State]{Alone: alone}),
		Stock:       NewAggregate(log, inventory.Decider, inventory.Codec, stockOptions(snapshots, alone)),
		Payments:    NewAggregate(log, payment.Decider, payment.Codec, Options[payment.State]{Alone: alone}),
		Shipments:   NewAggregate(log, shipment.Decider, shipment.Codec, Options[shipment.State]{Alone: alone}),
		Products:    NewAggregate(log, catalog.Decider, catalog.Codec, Options[catalog.State]{Alone: alone}),
		Fulfilments: NewAggregate(log, fulfilment.Decider, fulfilment.Codec, Options[fulfilment.State]{Alone: alone}),
	}
	l.Prices = Catalogue{Products: l.Products}
	return l
}

// stockOptions keep snapshots: the stream of a warehouse never ends.
func stockOptions(snapshots eventlog.Snapshots, alone bool) Options[inventory.State] {
	o := Options[inventory.State]{Alone: alone}
	if snapshots != nil {
		o.Snapshots = &Snapshotting[inventory.State]{
			Store: snapshots, Schema: inventory.SnapshotSchema, Encode: inventory.EncodeSnapshot, Decode: inventory.DecodeSnapshot,
		}
	}
	return o
}

// Send implements [Bus]. It returns within [CommandTimeout].
func (l *Local) Send(ctx context.Context, c Command) (Reply, error) {
	ctx, cancel := Bounded(ctx)
	defer cancel()
	r, err := c.do(ctx, l)
	if l.Observe != nil {
		l.Observe(ctx, c, err)
	}
	return r, err
}

// Forget drops what is in memory of a stream that was truncated or deleted, so
// that the next command about it reads it, and finds that it lacks events.
func (l *Local) Forget(s eventlog.Stream) {
	switch s.Category() {
	case order.Category:
		l.Orders.Forget(s)
	case inventory.Category:
		l.Stock.Forget(s)
	case payment.Category:
		l.Payments.Forget(s)
	case shipment.Category:
		l.Shipments.Forget(s)
	case catalog.Category:
		l.Products.Forget(s)
	case fulfilment.Category:
		l.Fulfilments.Forget(s)
	}
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
