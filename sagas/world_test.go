package sagas_test

import (
	"context"
	"iter"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"orderflow/commands"
	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/payment"
	"orderflow/infra/memory"
	"orderflow/infra/simulator"
	"orderflow/sagas"
	"orderflow/sagas/charging"
	"orderflow/sagas/dispatching"
	"orderflow/sagas/fulfilling"
)

// point is a place where a fault can strike: an append, named by the types of
// its events, or an outside call, named by its operation.
type point struct {
	name string
	call bool
}

// How a fault strikes.
const (
	crashBefore = "crash before"
	crashAfter  = "crash after the effect" // for an append: after the record
	replyLost   = "reply lost"
	replyLate   = "reply late"
	twice       = "twice"
	notMade     = "not made"
	failed      = "failed"         // no effect, which the caller cannot know
	refused     = "refused"        // a compensation that the provider says no to, once
	stopBefore  = "stopped before" // for a minute, while the other process goes on
	stopAfter   = "stopped after the effect"
	cutBefore   = "cut before"
	cutAfter    = "cut after" // and the process ends, so that nothing is in memory
)

// world is one log and one provider, and the processes that come and go on them.
type world struct {
	log  *memory.Log
	sim  *simulator.Simulator
	wrap func(charging.Gateway) charging.Gateway // what becomes of the gateway before faults; nil leaves it

	wrapCarrier func(dispatching.Carrier) dispatching.Carrier // likewise

	cut  func(*world)                      // cuts a stream where cutBefore and cutAfter strike
	told func(saga string, err error)      // of every look that failed; may be nil
	seen func(op string, d domain.OrderID) // of every outside call; may be nil

	mu      sync.Mutex
	veils   map[eventlog.Stream]veil // streams that were cut; see truncated_test.go
	strike  point
	how     string
	hits    int
	reached []point
	shared  bool // two processes run at a time
	started int  // processes so far
	late    sync.WaitGroup

	inDoubt bool           // a capture was begun, and what became of it is neither recorded nor asked
	wrongs  []string       // what no gateway may be asked
	calls   map[string]int // to providers, by operation; nil counts none
}

// begun notes a call that the gateway gets. A capture whose outcome is open is
// asked about or voided, and never made again.
func (w *world) begun(op string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.calls != nil {
		w.calls[op]++
	}
	if op != "capture" {
		return
	}
	if w.inDoubt {
		w.wrongs = append(w.wrongs, "captured again while nobody knew what became of the capture before")
	}
	w.inDoubt = true
}

// answered notes what the caller was told.
func (w *world) answered(op string, err error) {
	told := err == nil || domain.KindOf(err) == domain.NotFound || domain.KindOf(err) == domain.Rejected
	w.mu.Lock()
	defer w.mu.Unlock()
	if op == "lookup" && told {
		w.inDoubt = false
	}
}

// stored notes what the log holds: a capture that surely had no effect may be made again.
func (w *world) stored(events []eventlog.Pending) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range events {
		if e.Type == (payment.Deferred{}).EventType() {
			w.inDoubt = false
		}
	}
}

// meet notes that p was reached, and says how it goes wrong there, if it does.
func (w *world) meet(p point) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Contains(w.reached, p) {
		w.reached = append(w.reached, p)
	}
	if w.hits > 0 || p != w.strike {
		return ""
	}
	w.hits++
	return w.how
}

// process is one run of the system on the world; everything it touches ends
// when it crashes.
type process struct {
	*commands.Local
	dead chan struct{}
	stop func()
}

func (w *world) start(t *testing.T) *process {
	t.Helper()
	w.mu.Lock()
	w.started++
	claims := sagas.Claims{Process: "process " + strconv.Itoa(w.started), Shared: w.shared}
	w.mu.Unlock()
	dead := make(chan struct{})
	out := outside{world: w, dead: dead}
	local, inner, parcels := commands.NewLocal(out, nil), w.sim.Gateway(simulator.Default), w.sim.Carrier(simulator.Default)
	if w.wrap != nil {
		inner = w.wrap(inner)
	}
	if w.wrapCarrier != nil {
		parcels = w.wrapCarrier(parcels)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for _, s := range []sagas.Saga{
		fulfilling.New(fulfilling.Saga{Bus: local, Orders: local.Orders, Payments: local.Payments, Shipments: local.Shipments, Fulfilments: local.Fulfilments}),
		charging.New(charging.Saga{
			Gateways: charging.OneGateway("sim", gateway{out, inner}), Claims: claims,
			Orders: local.Orders, Payments: local.Payments, Fulfilments: local.Fulfilments,
		}),
		dispatching.New(dispatching.Saga{
			Carriers: dispatching.OneCarrier("sim", carrier{out, parcels}), Claims: claims,
			Orders: local.Orders, Shipments: local.Shipments, Fulfilments: local.Fulfilments,
		}),
	} {
		running.Go(func() {
			_ = sagas.NewDriver(sagas.Driver{Saga: s, Feed: out, Observer: sagas.Observer{Reacted: w.reacted}}).Run(ctx)
		})
	}
	return &process{Local: local, dead: dead, stop: func() { cancel(); running.Wait(); local.Close() }}
}

// outside is everything beyond the process: it is cut off when the process is dead.
type outside struct {
	*world
	dead chan struct{}
}

func (o outside) gone() error {
	select {
	case <-o.dead:
		return domain.Errorf(domain.Unavailable, "the process is dead")
	default:
		return nil
	}
}

func (o outside) crash() {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case <-o.dead:
	default:
		close(o.dead)
	}
}

// stopFor stops the process as SIGSTOP does: the others go on meanwhile.
func (o outside) stopFor() { time.Sleep(stopped) }

// stopped is how long a stopped process stands still: longer than a claim lasts.
const stopped = time.Minute

// Append implements eventlog.Store.
func (o outside) Append(ctx context.Context, s eventlog.Stream, v eventlog.Version, events ...eventlog.Pending) (eventlog.Appended, error) {
	if err := o.gone(); err != nil {
		return eventlog.Appended{}, err
	}
	types := make([]string, len(events))
	for i, e := range events {
		types[i] = e.Type
	}
	add := func() (eventlog.Appended, error) {
		at, err := o.veiledAppend(context.WithoutCancel(ctx), s, v, events...)
		if err == nil {
			o.stored(events)
		}
		return at, err
	}
	unknown := domain.Errorf(domain.Unknown, "no answer")
	switch o.meet(point{name: strings.Join(types, "+")}) {
	case crashBefore:
		o.crash()
		return eventlog.Appended{}, o.gone()
	case cutBefore:
		o.cut(o.world)
		o.crash()
		return eventlog.Appended{}, o.gone()
	case cutAfter:
		_, _ = add()
		o.cut(o.world)
		o.crash()
		return eventlog.Appended{}, unknown
	case crashAfter:
		_, _ = add()
		o.crash()
		return eventlog.Appended{}, unknown
	case replyLost:
		_, _ = add()
		return eventlog.Appended{}, unknown
	case replyLate:
		o.late.Go(func() {
			time.Sleep(3 * time.Second)
			_, _ = add()
		})
		time.Sleep(2 * time.Second)
		return eventlog.Appended{}, unknown
	case twice:
		_, _ = add()
	case notMade:
		return eventlog.Appended{}, domain.Errorf(domain.Unavailable, "not stored")
	case stopBefore:
		o.stopFor()
	case stopAfter:
		at, err := add()
		o.stopFor()
		return at, err
	}
	return add()
}

func (o outside) Read(ctx context.Context, s eventlog.Stream, above eventlog.Version) iter.Seq2[eventlog.Recorded, error] {
	return o.veiledRead(ctx, s, above)
}

func (o outside) ReadAll(ctx context.Context, above eventlog.Position, categories ...string) iter.Seq2[eventlog.Recorded, error] {
	return o.log.ReadAll(ctx, above, categories...)
}

func (o outside) Subscribe(ctx context.Context, above eventlog.Position, categories ...string) iter.Seq2[eventlog.Recorded, error] {
	return o.log.Subscribe(ctx, above, categories...)
}

// through makes an outside call, or what a fault makes of it.
func through[R any](ctx context.Context, o outside, op, key string, call func() (R, error)) (R, error) {
	if err := o.gone(); err != nil {
		var zero R
		return zero, err
	}
	o.begun(op)
	o.called(op, key)
	r, err := faulty(ctx, o, op, call)
	o.answered(op, err)
	return r, err
}

func faulty[R any](ctx context.Context, o outside, op string, call func() (R, error)) (zero R, err error) {
	unknown := domain.Wrap(domain.Unknown, charging.Failure{Reason: "connection_lost"}, "no answer")
	switch o.meet(point{name: op, call: true}) {
	case crashBefore:
		o.crash()
		return zero, o.gone()
	case cutBefore:
		o.cut(o.world)
		o.crash()
		return zero, o.gone()
	case crashAfter:
		_, _ = call()
		o.crash()
		return zero, o.gone()
	case cutAfter:
		_, _ = call()
		o.cut(o.world)
		o.crash()
		return zero, o.gone()
	case replyLost:
		_, _ = call()
		return zero, unknown
	case replyLate: // the effect comes after the caller gave up
		o.late.Go(func() {
			time.Sleep(3 * time.Second)
			_, _ = call()
		})
		time.Sleep(2 * time.Second)
		return zero, unknown
	case twice:
		_, _ = call()
	case notMade:
		return zero, domain.Wrap(domain.Unavailable, charging.Failure{Reason: "circuit_open"}, "not called")
	case failed:
		return zero, unknown
	case stopBefore:
		o.stopFor()
		if ctx.Err() != nil { // every client looks before it sends
			return zero, domain.Wrap(domain.Unavailable, charging.Failure{Reason: "canceled"}, "not called")
		}
	case stopAfter:
		r, err := call()
		o.stopFor()
		return r, err
	case refused:
		return zero, domain.Wrap(domain.Rejected, charging.Failure{Reason: "refused"}, "no")
	}
	return call()
}

type gateway struct {
	outside
	inner charging.Gateway
}

func (g gateway) Capture(ctx context.Context, c charging.Charge) (charging.Receipt, error) {
	return through(ctx, g.outside, "capture", string(c.Order), func() (charging.Receipt, error) { return g.inner.Capture(context.WithoutCancel(ctx), c) })
}

func (g gateway) Lookup(ctx context.Context, key string) (charging.Receipt, error) {
	return through(ctx, g.outside, "lookup", key, func() (charging.Receipt, error) { return g.inner.Lookup(context.WithoutCancel(ctx), key) })
}

func (g gateway) Void(ctx context.Context, key string) error {
	_, err := through(ctx, g.outside, "void", key, func() (struct{}, error) { return struct{}{}, g.inner.Void(context.WithoutCancel(ctx), key) })
	return err
}

func (g gateway) Refund(ctx context.Context, b charging.RefundRequest) (charging.Receipt, error) {
	return through(ctx, g.outside, "refund", string(b.Order), func() (charging.Receipt, error) { return g.inner.Refund(context.WithoutCancel(ctx), b) })
}

type carrier struct {
	outside
	inner dispatching.Carrier
}

func (c carrier) Book(ctx context.Context, b dispatching.Booking) (dispatching.Parcel, error) {
	return through(ctx, c.outside, "book", string(b.Order), func() (dispatching.Parcel, error) { return c.inner.Book(context.WithoutCancel(ctx), b) })
}

func (c carrier) Cancel(ctx context.Context, key string) error {
	_, err := through(ctx, c.outside, "cancel", key, func() (struct{}, error) { return struct{}{}, c.inner.Cancel(context.WithoutCancel(ctx), key) })
	return err
}
