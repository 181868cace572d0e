package sagas_test

import (
	"context"
	"maps"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"orderflow/commands"
	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/fulfilment"
	"orderflow/domain/inventory"
	"orderflow/domain/order"
	"orderflow/domain/payment"
	"orderflow/domain/shipment"
	"orderflow/infra/memory"
	"orderflow/infra/simulator"
)

// scenario is one way an order can go. Each act is repeated until it succeeds,
// across crashes, and waits for what it needs first.
type scenario struct {
	name  string
	token string
	units int64
	begin func(*simulator.Simulator)
	acts  []act
	ends  order.Status
	kept  int64 // minor units that the shop keeps at the end
	gone  int64 // units that left the warehouse for good
}

type act struct {
	when func(seen) bool
	do   func(ctx context.Context, w *world, p *process, id domain.OrderID) error
}

// seen is what the log says of the order.
type seen struct {
	o order.State
	f fulfilment.State
	p payment.State
	s inventory.State
	d shipment.State
}

const (
	price    = 250 // minor units
	received = 5   // units in the warehouse
)

// TestCrashMatrix runs every scenario once to learn the points it passes, and
// then once for every fault at every one of them: with one process, and with two
// that have the same roles. What must have been struck at the end is not learnt but
// taken from the code: see steps_test.go.
func TestCrashMatrix(t *testing.T) {
	m, alone := matrix{struck: map[strike]bool{}}, map[string]map[string]int{}
	for _, fleet := range []bool{false, true} {
		for _, sc := range scenarios() {
			name := sc.name
			if fleet {
				name += ", two processes"
			}
			t.Run(name, func(t *testing.T) {
				learnt := sc.run(t, fleet, point{}, "")
				points := learnt.points
				if !fleet {
					alone[sc.name] = learnt.calls
				} else if sc.begin == nil && len(sc.acts) == 0 && !maps.Equal(learnt.calls, alone[sc.name]) {
					t.Errorf("two processes made the calls %v, one %v", learnt.calls, alone[sc.name])
				}
				if !fleet {
					m.passed = append(m.passed, name+": "+names(points))
				}
				for _, p := range points {
					for _, how := range faults(p, fleet) {
						if m.skips(p, how) {
							continue
						}
						t.Run(p.name+"/"+how, func(t *testing.T) {
							got := sc.run(t, fleet, p, how)
							if stopped := how == stopBefore || how == stopAfter; stopped && got.attentions > learnt.attentions {
								t.Errorf("a person was called %d times, %d without the fault", got.attentions, learnt.attentions)
							}
							switch {
							case got.hits == 1:
								m.strike(p, how)
							case got.hits > 1 || !fleet: // which way two processes go differs from run to run
								t.Errorf("the fault struck %d times", got.hits)
							}
						})
					}
				}
			})
		}
	}
	t.Logf("%d faults struck", m.runs)
	if !t.Failed() {
		m.check(t)
	}
}

// outcome is what happened in a run of a scenario.
type outcome struct {
	points     []point        // that were reached
	hits       int            // of the fault
	attentions int            // calls for a person
	calls      map[string]int // to providers, by operation
}

// run lets the scenario happen with one fault, and judges the end.
func (sc scenario) run(t *testing.T, fleet bool, strike point, how string) (o outcome) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		sim, err := simulator.Open(dir, simulator.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer sim.Close() //nolint:errcheck // closed below unless the test failed before
		w := &world{log: memory.New(), sim: sim, strike: strike, how: how, shared: fleet, calls: map[string]int{}}
		if sc.begin != nil {
			sc.begin(sim)
		}
		id, end := sc.drive(t, w)
		w.late.Wait()
		if err := sim.Close(); err != nil {
			t.Fatal(err)
		}
		for _, wrong := range w.wrongs {
			t.Error(wrong)
		}
		sc.judge(t, filepath.Join(dir, simulator.LedgerFile), id, end)
		o = outcome{w.reached, w.hits, count(t, w.log, fulfilment.NeedsAttention{}.EventType()), w.calls}
	})
	return o
}

// patience is how long, in the bubble's time, an order may take.
const patience = 6 * time.Hour

// quick is how often the world is looked at while something happens.
const quick = 50 * time.Millisecond

// drive plays client and operator until the order rests, starting a new
// process whenever one has crashed.
func (sc scenario) drive(t *testing.T, w *world) (domain.OrderID, seen) {
	t.Helper()
	place := commands.PlaceOrder{
		Customer: "c1", IdempotencyKey: "k1", PaymentToken: sc.token,
		Lines: []commands.OrderLine{{SKU: "A", Quantity: sc.units}},
	}
	id := place.OrderID()
	setup := []commands.Command{
		commands.ListProduct{SKU: "A", Name: "Article", Price: domain.GBP(price)},
		commands.ReceiveStock{Receipt: "r", Units: []inventory.Units{{SKU: "A", Quantity: received}}},
		place,
	}
	acts, wait, end := sc.acts, quick, eventlog.Position(0)
	running := []*process{w.start(t)}
	if w.shared {
		running = append(running, w.start(t))
	}
	defer func() {
		for _, p := range running {
			p.stop()
		}
	}()
	for start := time.Now(); time.Since(start) < patience; {
		for i, p := range running {
			select {
			case <-p.dead:
				p.stop()
				running[i] = w.start(t)
			default:
			}
		}
		p := running[0]
		now := readSeen(t, w, id)
		switch {
		case len(setup) > 0:
			if _, err := p.Send(t.Context(), setup[0]); err == nil {
				setup = setup[1:]
			}
		case len(acts) > 0 && acts[0].when(now):
			if acts[0].do(t.Context(), w, p, id) == nil {
				acts = acts[1:]
			}
		case now.f.Stuck != nil:
			_, _ = p.Send(t.Context(), commands.ResumeFulfilment{Order: id, By: "operator"}) // again if it crashed
		case len(acts) == 0 && now.rests():
			return id, now
		}
		// Look often while something happens, seldom in an outage of an hour.
		if at, _ := w.log.End(t.Context()); at != end {
			wait, end = quick, at
		} else {
			wait = min(2*wait, time.Minute)
		}
		time.Sleep(wait)
	}
	t.Fatalf("the order stands still: %+v", readSeen(t, w, id))
	return "", seen{}
}

func (s seen) rests() bool {
	if !s.o.Status.Ended() || s.f.Next() != fulfilment.StepIdle {
		return false
	}
	for _, r := range s.o.Returns {
		if !s.f.HasReturn(r.Return) {
			return false
		}
	}
	return s.f.Phase == fulfilment.PhaseFulfilled || s.f.Phase == fulfilment.PhaseCompensated
}

// readSeen reads the log without going through any process.
func readSeen(t *testing.T, w *world, id domain.OrderID) seen {
	t.Helper()
	l := commands.NewLocal(w.log, nil)
	var s seen
	var err [5]error
	s.o, _, err[0] = l.Orders.Load(t.Context(), order.Stream(id))
	s.f, _, err[1] = l.Fulfilments.Load(t.Context(), fulfilment.Stream(id))
	s.p, _, err[2] = l.Payments.Load(t.Context(), payment.Stream(id))
	s.s, _, err[3] = l.Stock.Load(t.Context(), inventory.Stream(domain.DefaultWarehouse))
	s.d, _, err[4] = l.Shipments.Load(t.Context(), shipment.Stream(id))
	for _, e := range err {
		if e != nil {
			t.Fatal(e)
		}
	}
	return s
}

// judge holds the end against what the outside world saw.
func (sc scenario) judge(t *testing.T, ledger string, id domain.OrderID, end seen) {
	t.Helper()
	if end.o.Status != sc.ends {
		t.Errorf("the order ended %s, not %s", end.o.Status, sc.ends)
	}
	if l := end.s.Levels["A"]; l.Reserved != 0 || l.OnHand != received-sc.gone {
		t.Errorf("stock: %d on hand, %d reserved; want %d and 0", l.OnHand, l.Reserved, received-sc.gone)
	}
	sum, err := simulator.ReadLedger(ledger)
	if err != nil {
		t.Fatal(err)
	}
	a := sum.Orders[id]
	if a.Captures > 1 {
		t.Errorf("charged %d times", a.Captures)
	}
	if kept := a.Captured - a.Refunded; kept != sc.kept {
		t.Errorf("the shop keeps %d, want %d", kept, sc.kept)
	}
	if parcels, want := a.Bookings-a.Undos, 0; sc.ends == order.StatusConfirmed {
		if parcels != 1 {
			t.Errorf("%d parcels will be fetched, want 1", parcels)
		}
	} else if parcels != want {
		t.Errorf("%d parcels will be fetched, want none", parcels)
	}
}
