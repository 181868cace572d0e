package sagas_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"orderflow/commands"
	"orderflow/domain"
	"orderflow/domain/catalog"
	"orderflow/domain/eventlog"
	"orderflow/domain/fulfilment"
	"orderflow/domain/inventory"
	"orderflow/domain/order"
	"orderflow/domain/payment"
	"orderflow/domain/shipment"
	"orderflow/infra/memory"
	"orderflow/infra/simulator"
)

// cutKinds are the streams that are cut, and the outside calls that are then
// not made for the order.
func cutKinds() []cutKind {
	gateway, carrier := []string{"capture", "lookup", "void", "refund"}, []string{"book", "cancel"}
	all := slices.Concat(gateway, carrier)
	return []cutKind{
		{"order", order.Stream, all},
		{"fulfilment", fulfilment.Stream, all},
		{"payment", payment.Stream, gateway},
		{"shipment", shipment.Stream, carrier},
		{"stock", func(domain.OrderID) eventlog.Stream { return inventory.Stream(domain.DefaultWarehouse) }, nil},
		{"product", func(domain.OrderID) eventlog.Stream { return catalog.Stream("A") }, nil},
	}
}

type cutKind struct {
	name   string
	stream func(domain.OrderID) eventlog.Stream
	calls  []string
}

// cutCase is one stream cut in one way at one moment.
type cutCase struct {
	scenario
	kind cutKind
	way  string
	at   point
	how  string
}

// cutSeen is what was seen of it, until the stream was restored.
type cutSeen struct {
	mu     sync.Mutex
	struck bool
	holed  bool     // it lacked events for the process that began then
	calls  []string // outside calls for the order after the cut
	errs   []string // of looks that were Incomplete

	concerned int // of the calls, those that the stream stands against

	ended     bool   // as if nothing had been cut
	attention string // its reason
	place     string // how the repeated request was answered
}

// TestTruncatedStreams cuts every kind of stream in every way at every step of
// an order, and ends the process there, so that nothing is in memory. Either the
// order ends as it should, or a person is told which stream it is; no provider is
// called for it meanwhile; the other orders go on; and once the stream is whole
// again and an operator has resumed, all ends as it should. It prints what was seen.
func TestTruncatedStreams(t *testing.T) {
	seen := map[string]map[string]int{}
	for _, sc := range scenarios() {
		if !slices.Contains([]string{"confirmed", "declined", "cancelled when confirmed", "returned in part"}, sc.name) {
			continue
		}
		t.Run(sc.name, func(t *testing.T) {
			for _, at := range sc.run(t, false, point{}, "").points {
				for _, kind := range cutKinds() {
					for i, way := range []string{maxCount, deleted, tombstoned} {
						for j, how := range []string{cutBefore, cutAfter} {
							if testing.Short() && (i+j)%2 == 1 {
								continue
							}
							c := cutCase{sc, kind, way, at, how}
							t.Run(fmt.Sprint(kind.name, " ", way, " ", how, " ", at.name), func(t *testing.T) {
								s, row := c.run(t), kind.name+" "+way
								tallyOutcome(seen, row, s.outcome())
								tallyOutcome(seen, row, s.answer())
								tallyOutcome(seen, row, fmt.Sprint("calls: ", s.concerned))
							})
						}
					}
				}
			}
		})
	}
	t.Log("\n" + table(seen))
}

func tallyOutcome(seen map[string]map[string]int, row, outcome string) {
	if seen[row] == nil {
		seen[row] = map[string]int{}
	}
	seen[row][outcome]++
}

// outcome names what the operator saw.
func (s *cutSeen) outcome() string {
	switch {
	case !s.struck:
		return "no such stream yet"
	case s.attention != "":
		return "attention"
	case s.ended:
		return "ended right"
	case len(s.errs) > 0:
		return "error in the log"
	}
	return "waits for the client"
}

// answer names what the customer was told who repeated the order.
func (s *cutSeen) answer() string {
	switch s.place {
	case "":
		return ""
	case "done", domain.Incomplete.String():
		return "repeat: " + s.place
	}
	return "repeat: other"
}

func table(seen map[string]map[string]int) string {
	columns := []string{
		"no such stream yet", "ended right", "attention", "error in the log", "waits for the client",
		"repeat: done", "repeat: incomplete", "repeat: other", "calls: 0",
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-26s", "stream, way")
	for _, c := range columns {
		fmt.Fprintf(&b, "%22s", c)
	}
	for _, kind := range cutKinds() {
		for _, way := range []string{maxCount, deleted, tombstoned} {
			row := kind.name + " " + way
			fmt.Fprintf(&b, "\n%-26s", row)
			for _, c := range columns {
				fmt.Fprintf(&b, "%22d", seen[row][c])
			}
		}
	}
	return b.String()
}

func (c cutCase) run(t *testing.T) *cutSeen {
	t.Helper()
	dir, s := t.TempDir(), &cutSeen{}
	synctest.Test(t, func(t *testing.T) {
		sim, err := simulator.Open(dir, simulator.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer sim.Close() //nolint:errcheck // closed below unless the test failed before
		w := &world{log: memory.New(), sim: sim, strike: c.at, how: c.how}
		if c.begin != nil {
			c.begin(sim)
		}
		place := placing(c.units, c.token)
		id := place.OrderID()
		stream := c.kind.stream(id)
		w.cut = func(w *world) {
			w.hide(stream, c.way)
			s.mu.Lock()
			defer s.mu.Unlock()
			_, s.struck = w.veil(stream)
			s.holed = s.struck && (c.way != maxCount || lastOf(w, stream) > 1)
		}
		w.told = func(_ string, err error) { s.failed(err, stream) }
		w.seen = func(op string, of domain.OrderID) { s.called(op, of, id) }
		end := c.drive(t, w, s, place)
		if err := sim.Close(); err != nil {
			t.Fatal(err)
		}
		c.judge(t, filepath.Join(dir, simulator.LedgerFile), id, end)
		c.judgeMoney(t, filepath.Join(dir, simulator.LedgerFile), id)
	})
	return s
}

func placing(units int64, token string) commands.PlaceOrder {
	return commands.PlaceOrder{
		Customer: "c1", IdempotencyKey: "k1", PaymentToken: token, Lines: []commands.OrderLine{{SKU: "A", Quantity: units}},
	}
}

func (s *cutSeen) failed(err error, stream eventlog.Stream) {
	if domain.KindOf(err) != domain.Incomplete || !strings.Contains(err.Error(), string(stream)) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.errs = append(s.errs, err.Error())
}

func (s *cutSeen) called(op string, of, id domain.OrderID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.holed && of == id {
		s.calls = append(s.calls, op)
	}
}

// left is how long a cut order is left alone before it is looked at; the driver
// tries a failed look again within a minute.
const left = 5 * time.Minute

// drive lets the scenario run into the cut, looks at what came of it, restores
// the stream, and lets the scenario end.
func (c cutCase) drive(t *testing.T, w *world, s *cutSeen, place commands.PlaceOrder) seen {
	t.Helper()
	id := place.OrderID()
	p := w.start(t)
	defer func() { p.stop() }()
	other := commands.PlaceOrder{
		Customer: "c2", IdempotencyKey: "k2", PaymentToken: "tok_visa", Warehouse: "w2", Lines: []commands.OrderLine{{SKU: "B", Quantity: 1}},
	}
	setup := []commands.Command{
		commands.ListProduct{SKU: "A", Name: "Article", Price: domain.GBP(price)},
		commands.ReceiveStock{Receipt: "r", Units: []inventory.Units{{SKU: "A", Quantity: received}}},
		commands.ListProduct{SKU: "B", Name: "Another", Price: domain.GBP(price)},
		commands.ReceiveStock{Warehouse: "w2", Receipt: "r", Units: []inventory.Units{{SKU: "B", Quantity: received}}},
		place, other,
	}
	acts, cutAt, restored, wait, end := c.acts, time.Time{}, false, quick, eventlog.Position(0)
	for start := time.Now(); time.Since(start) < patience; time.Sleep(wait) {
		if at, _ := w.log.End(t.Context()); at != end {
			wait, end = quick, at
		} else {
			wait = min(2*wait, time.Minute)
		}
		select {
		case <-p.dead:
			p.stop()
			p = w.start(t)
		default:
		}
		now := readSeen(t, w, id)
		s.mu.Lock()
		struck := s.struck
		s.mu.Unlock()
		if struck && cutAt.IsZero() {
			cutAt = time.Now()
		}
		switch {
		case struck && !restored && time.Since(cutAt) >= left:
			c.check(t, w, p, s, id, now, other.OrderID())
			w.restore()
			restored = true
		case len(setup) > 0:
			if _, err := p.Send(t.Context(), setup[0]); err == nil {
				setup = setup[1:]
			} else if struck && !restored {
				setup = append(setup[1:], setup[0]) // the others are not to wait for it
			}
		case len(acts) > 0 && acts[0].when(now):
			if acts[0].do(t.Context(), w, p, id) == nil {
				acts = acts[1:]
			}
		case now.f.Stuck != nil && (restored || !struck):
			_, _ = p.Send(t.Context(), commands.ResumeFulfilment{Order: id, By: "operator"})
		case len(acts) == 0 && now.rests() && (restored || !struck):
			return now
		}
	}
	t.Fatalf("the order stands still: %+v", readSeen(t, w, id))
	return seen{}
}

// check holds what was seen of a cut order against what may be.
func (c cutCase) check(t *testing.T, w *world, p *process, s *cutSeen, id domain.OrderID, now seen, other domain.OrderID) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	stream := string(c.kind.stream(id))
	s.ended = now.rests()
	if now.f.Stuck != nil {
		s.attention = now.f.Stuck.Reason
		if !strings.Contains(s.attention, stream) {
			t.Errorf("attention is called for because %q, which does not name %s", s.attention, stream)
		}
	}
	if n := countIn(t, w, fulfilment.Stream(id), fulfilment.NeedsAttention{}.EventType()); n > 1 {
		t.Errorf("attention is called for %d times", n)
	}
	if waits := now.o.Status == order.StatusNew || len(s.errs) > 0 || s.ended; now.f.Stuck == nil && !waits {
		t.Errorf("nobody is told: the order is %s, %+v", now.o.Status, now.f)
	}
	for _, op := range s.calls {
		if !slices.Contains(c.kind.calls, op) {
			continue
		}
		s.concerned++
		t.Errorf("after the cut: %v", s.calls)
	}
	if o := readSeen(t, w, other); o.o.Status != order.StatusConfirmed || o.f.Phase != fulfilment.PhaseFulfilled {
		t.Errorf("the other order is %s, %+v", o.o.Status, o.f)
	}
	_, err := p.Send(t.Context(), placing(c.units, c.token))
	s.place = "done"
	if err != nil {
		s.place = domain.KindOf(err).String()
	}
}

func countIn(t *testing.T, w *world, s eventlog.Stream, eventType string) (n int) {
	t.Helper()
	for r, err := range w.log.Read(t.Context(), s, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Type == eventType {
			n++
		}
	}
	return n
}

// judgeMoney holds the gateway's own ledger against what must hold whatever happened.
func (c cutCase) judgeMoney(t *testing.T, ledger string, id domain.OrderID) {
	t.Helper()
	sum, err := simulator.ReadLedger(ledger)
	if err != nil {
		t.Fatal(err)
	}
	if a := sum.Orders[id]; a.Captures > 1 || a.Refunded > a.Captured || a.Bookings > 1 {
		t.Errorf("the ledger says %+v", a)
	}
}
