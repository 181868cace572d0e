package commands

import (
	"context"

	"orderflow/commands/aggregate"
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
	// stream is the stream that it is decided on first.
	stream() eventlog.Stream
	do(ctx context.Context, l *Local) (Reply, error)
}

// StreamOf returns the stream that a command is decided on first. A process that
// gets all commands of a stream decides them from its cache.
func StreamOf(c Command) eventlog.Stream { return c.stream() }

// Reply is the result of a command.
type Reply struct {
	Stream   eventlog.Stream      `json:"stream"`
	Version  eventlog.Version     `json:"version"`  // of the stream, after the command
	Position eventlog.Position    `json:"position"` // a query that carries it sees what the command did
	Events   int                  `json:"events"`   // appended; 0 if the command had been carried out before
	Order    domain.OrderID       `json:"order,omitempty"`
	Short    []inventory.Shortage `json:"short,omitempty"` // why a reservation was refused
}

// Bus sends commands to the process that decides them. Sending the same command
// again is safe, whatever the first result was. Errors have the kinds of package
// domain; after Unknown, send again.
type Bus interface {
	Send(ctx context.Context, c Command) (Reply, error)
}

// Local decides commands in this process. The sagas of the same process use
// its aggregates directly.
type Local struct {
	Orders      *aggregate.Aggregate[order.State, order.Event]
	Stock       *aggregate.Aggregate[inventory.State, inventory.Event]
	Payments    *aggregate.Aggregate[payment.State, payment.Event]
	Shipments   *aggregate.Aggregate[shipment.State, shipment.Event]
	Products    *aggregate.Aggregate[catalog.State, catalog.Event]
	Fulfilments *aggregate.Aggregate[fulfilment.State, fulfilment.Event]
	Prices      Prices // what new orders cost

	// Observe, if not nil, is called after every command.
	Observe func(ctx context.Context, c Command, err error)
}

// NewLocal decides on a log that other processes may append to as well;
// snapshots may be nil.
func NewLocal(log eventlog.Store, snapshots eventlog.Snapshots) *Local {
	return newLocal(log, snapshots, false)
}

// NewLocalSingleWriter decides on a log that no other process appends to, so cached
// states are current. See [aggregate.Options].
func NewLocalSingleWriter(log eventlog.Store, snapshots eventlog.Snapshots) *Local {
	return newLocal(log, snapshots, true)
}

func newLocal(log eventlog.Store, snapshots eventlog.Snapshots, alone bool) *Local {
	l := &Local{
		Orders:      aggregate.New(log, order.Decider, order.Codec, aggregate.Options[order.State]{SingleWriter: alone}),
		Stock:       aggregate.New(log, inventory.Decider, inventory.Codec, stockOptions(snapshots, alone)),
		Payments:    aggregate.New(log, payment.Decider, payment.Codec, aggregate.Options[payment.State]{SingleWriter: alone}),
		Shipments:   aggregate.New(log, shipment.Decider, shipment.Codec, aggregate.Options[shipment.State]{SingleWriter: alone}),
		Products:    aggregate.New(log, catalog.Decider, catalog.Codec, aggregate.Options[catalog.State]{SingleWriter: alone}),
		Fulfilments: aggregate.New(log, fulfilment.Decider, fulfilment.Codec, aggregate.Options[fulfilment.State]{SingleWriter: alone}),
	}
	l.Prices = Catalogue{Products: l.Products}
	return l
}

// stockOptions keep snapshots: the stream of a warehouse never ends.
func stockOptions(snapshots eventlog.Snapshots, alone bool) aggregate.Options[inventory.State] {
	o := aggregate.Options[inventory.State]{SingleWriter: alone}
	if snapshots != nil {
		o.Snapshots = &aggregate.Snapshotting[inventory.State]{
			Store: snapshots, Schema: inventory.SnapshotSchema, Encode: inventory.EncodeSnapshot, Decode: inventory.DecodeSnapshot,
		}
	}
	return o
}

// Send implements [Bus]. It returns within [CommandTimeout].
func (l *Local) Send(ctx context.Context, c Command) (Reply, error) {
	ctx, cancel := aggregate.Bounded(ctx)
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

// Close waits for the commands under way.
func (l *Local) Close() {
	l.Orders.Close()
	l.Stock.Close()
	l.Payments.Close()
	l.Shipments.Close()
	l.Products.Close()
	l.Fulfilments.Close()
}

// Nobody is the bus of a process that has none; it refuses every command.
type Nobody struct{}

// Send implements [Bus].
func (Nobody) Send(_ context.Context, c Command) (Reply, error) {
	return Reply{}, domain.Errorf(domain.Unavailable, "This process does not handle %s and has no peer that does (--peers).", c.CommandName())
}

// transact decides on one stream and replies with its new version and position.
func transact[S any, E eventlog.Typed](ctx context.Context, a *aggregate.Aggregate[S, E], s eventlog.Stream, cause aggregate.Cause, decide decider.Decision[S, E]) (Reply, error) {
	r, err := a.Do(ctx, s, cause, decide, nil)
	if err != nil {
		return Reply{}, err
	}
	return Reply{Stream: s, Version: r.Version, Position: r.Position, Events: r.Events}, nil
}
