package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"orderflow/cmd/orderflow/internal/node"
	"orderflow/cmd/orderflow/internal/terminal"
	"orderflow/commands"
	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/fulfilment"
	"orderflow/domain/inventory"
	"orderflow/domain/order"
	"orderflow/projections"
)

// Sizes of the measurements.
const (
	benchLines    = 10        // of an order
	benchStored   = 10_000    // orders in a small log
	benchEvents   = 1_000_000 // in the log of replay, rebuild and start
	MinScale      = benchStored
	DefaultScale  = 1_000_000
	fillWriters   = 256
	benchCustomer = "bench"
)

// Bench is one run: its folder and the data directories it has filled.
type Bench struct {
	dir    string
	scale  int
	store  string // the connection string of the event store that has the log, or empty
	Run    string // leads every key of this run; empty where the log is a fresh one
	err    io.Writer
	Sizes  StoreSizes
	filled map[int]string // data directories by orders stored
	nodes  int
}

// New returns a Bench in a temporary folder. store is the connection string of the event
// store to measure, or empty; progress goes to w.
func New(scale int, store string, w io.Writer) (*Bench, error) {
	dir, err := os.MkdirTemp("", "orderflow-bench-")
	if err != nil {
		return nil, err
	}
	b := &Bench{dir: dir, scale: scale, store: store, err: w, filled: map[int]string{}, Sizes: defaultStoreSizes()}
	if store != "" { // what an earlier run wrote is there
		b.Run = strconv.FormatInt(time.Now().UnixNano(), 36) + "-"
	}
	return b, nil
}

// Close removes the folder.
func (b *Bench) Close() { _ = os.RemoveAll(b.dir) }

// say tells a person what is going on.
func (b *Bench) say(what string) {
	if terminal.IsTerminal(b.err) {
		fmt.Fprintf(b.err, "\r%s\x1b[K", what)
	}
}

// Folder returns the path of a data directory that is not there yet.
func (b *Bench) Folder() string {
	b.nodes++
	return filepath.Join(b.dir, fmt.Sprintf("node-%d", b.nodes))
}

// Node opens a data directory; an empty one is given goods and stock.
func (b *Bench) Node(ctx context.Context, dir string, listen string) (*node.App, error) {
	app, err := node.New(ctx, node.Config{Data: dir, EventStore: b.store, Listen: listen}, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	end, err := app.Log.End(ctx)
	if err == nil && end == 0 {
		err = Furnish(ctx, app.Bus)
	} else if err == nil && b.store != "" {
		err = passOver(ctx, app) // what other measurements left there is done
	}
	if err != nil {
		return nil, errors.Join(err, app.Close())
	}
	return app, nil
}

// openLog opens the log of a data directory alone.
func (b *Bench) openLog(ctx context.Context, dir string) (node.EventLog, error) {
	return node.OpenLog(ctx, node.Config{Data: dir, EventStore: b.store}, slog.New(slog.DiscardHandler), node.LogHooks{})
}

// SKU returns the name of the i-th article.
func SKU(i int) domain.SKU { return domain.SKU(fmt.Sprintf("BENCH-%03d", i)) }

// Furnish lists what an order of the benchmark holds, and stocks more than it will ever sell.
func Furnish(ctx context.Context, bus commands.Bus) error {
	var delivery []inventory.Units
	for i := range benchLines {
		c := commands.ListProduct{SKU: SKU(i), Name: "An article of the benchmark", Price: domain.GBP(199)}
		if _, err := bus.Send(ctx, c); err != nil {
			return err
		}
		delivery = append(delivery, inventory.Units{SKU: SKU(i), Quantity: domain.MaxQuantity})
	}
	const deliveries = 100 // ten million units of each
	for i := range deliveries {
		if _, err := bus.Send(ctx, commands.ReceiveStock{Receipt: fmt.Sprint("bench-", i), Units: delivery}); err != nil {
			return err
		}
	}
	return nil
}

// Order returns the i-th order: ten lines, one unit each.
func Order(run string, i int) commands.PlaceOrder {
	c := commands.PlaceOrder{
		Customer: benchCustomer, IdempotencyKey: fmt.Sprintf("%s-%d", run, i), PaymentToken: "tok_visa", PlacedAt: time.Now().UTC(),
	}
	for l := range benchLines {
		c.Lines = append(c.Lines, commands.OrderLine{SKU: SKU(l), Quantity: 1})
	}
	return c
}

// stored returns a data directory with n fulfilled orders and their views.
func (b *Bench) stored(ctx context.Context, n int) (string, error) {
	if dir, ok := b.filled[n]; ok {
		return dir, nil
	}
	dir := b.Folder()
	app, err := b.Node(ctx, dir, "")
	if err != nil {
		return "", err
	}
	if err := errors.Join(b.fill(ctx, app, n), app.Close()); err != nil {
		return "", err
	}
	b.filled[n] = dir
	return dir, nil
}

// fill stores n orders quickly: one order goes the whole way, and its events
// are appended for n-1 others under their own ids, in the same order. Then the
// views are built from them.
func (b *Bench) fill(ctx context.Context, app *node.App, n int) error {
	model, events, err := oneOrder(ctx, app, b.Run+"model")
	if err != nil {
		return err
	}
	bar := terminal.NewProgress(b.err, "storing orders", int64(n))
	defer bar.End()
	stock := newStockCopier(app, events)
	writers, ctx2 := errgroup.WithContext(ctx)
	writers.SetLimit(fillWriters)
	for i := 1; i < n; i++ {
		id := Order(b.Run+"fill", i).OrderID()
		writers.Go(func() error { return copyOrder(ctx2, app.Log, model, id, events, stock) })
		bar.Set(int64(i))
	}
	if err := writers.Wait(); err != nil {
		return err
	}
	if err := stock.flush(ctx); err != nil {
		return err
	}
	bar.End()
	if err := passOver(ctx, app); err != nil {
		return err
	}
	for _, g := range projections.Groups() {
		b.say("building view " + g.Name)
		if _, err := app.Runner.Rebuild(ctx, g.Name, func(projections.Progress) {}); err != nil {
			return err
		}
	}
	return nil
}

// passOver tells the sagas that they have seen all that is in the log, as they
// would have if the orders had gone their way.
func passOver(ctx context.Context, a *node.App) error {
	end, err := a.Log.End(ctx)
	if err != nil {
		return err
	}
	seen := eventlog.Checkpoint{Event: eventlog.Mark{Position: end}} // which gets its id when a saga proves it
	for _, d := range a.Drivers {
		if err := d.Checkpoints.SaveCheckpoint(ctx, d.Saga.Name, seen); err != nil {
			return err
		}
	}
	return nil
}

// oneOrder lets one order go the whole way and returns its events, those of
// the stock among them.
func oneOrder(ctx context.Context, app *node.App, run string) (id domain.OrderID, events []eventlog.Recorded, err error) {
	before, err := app.Log.End(ctx)
	if err != nil {
		return "", nil, err
	}
	err = app.While(ctx, func(ctx context.Context) error {
		r, err := RunOrders(ctx, app, run, 1, 1)
		if err != nil {
			return err
		}
		id = r.last
		return awaitCompleted(ctx, app.Log, before, id)
	})
	if err != nil {
		return "", nil, err
	}
	for r, err := range app.Log.ReadAll(ctx, before) {
		if err != nil {
			return "", nil, err
		}
		events = append(events, r)
	}
	return id, events, nil
}

// awaitCompleted returns when the fulfilment of an order says that all is done.
func awaitCompleted(ctx context.Context, log eventlog.Store, above eventlog.Position, id domain.OrderID) error {
	completed := fulfilment.Completed{}.EventType()
	for r, err := range log.Subscribe(ctx, above, fulfilment.Category) {
		if err != nil {
			return err
		}
		if r.Stream == fulfilment.Stream(id) && r.Type == completed {
			return nil
		}
	}
	return ctx.Err()
}

// copyOrder appends the events of model under another id: what followed one
// another in one stream in one append.
func copyOrder(ctx context.Context, log eventlog.Store, model, id domain.OrderID, events []eventlog.Recorded, stock *stockCopier) error {
	for i := 0; i < len(events); {
		first := events[i]
		if first.Stream.Category() == inventory.Category {
			if err := stock.add(ctx, rewrite(first, model, id)); err != nil {
				return err
			}
			i++
			continue
		}
		var batch []eventlog.Pending
		for ; i < len(events) && events[i].Stream == first.Stream; i++ {
			p, err := placedNow(events[i], rewrite(events[i], model, id))
			if err != nil {
				return err
			}
			batch = append(batch, p)
		}
		s := eventlog.Stream(first.Stream.Category() + "-" + string(id))
		if _, err := log.Append(ctx, s, first.Version-1, batch...); err != nil {
			return err
		}
	}
	return nil
}

// placedNow lets a copy of an order be placed at the time of the copy. Orders
// do not all come in the same microsecond: an index by that time would then be
// one by id, and its entries come in any order.
func placedNow(r eventlog.Recorded, p eventlog.Pending) (eventlog.Pending, error) {
	if r.Stream.Category() != order.Category {
		return p, nil
	}
	r.Data = p.Data
	fact, _, err := order.Codec.Decode(r)
	if placed, ok := fact.(order.Placed); ok && err == nil {
		placed.PlacedAt = time.Now().UTC()
		var encoded eventlog.Pending
		encoded, err = order.Codec.Encode(placed)
		p.Data = encoded.Data
	}
	return p, err
}

// rewrite is an event of model as an event of another order; both ids are of one length.
func rewrite(r eventlog.Recorded, model, id domain.OrderID) eventlog.Pending {
	p := eventlog.Pending{Type: r.Type, Data: bytes.ReplaceAll(r.Data, []byte(model), []byte(id)), Meta: r.Meta}
	p.Meta.Correlation, p.Meta.Causation = string(id), ""
	p.ID = eventlog.NewEventID(string(id), r.Stream, int(r.Position))
	return p
}
