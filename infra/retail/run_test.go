package retail_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"orderflow/commands"
	"orderflow/domain/eventlog"
	"orderflow/domain/inventory"
	"orderflow/infra/memory"
	"orderflow/infra/retail"
	"orderflow/infra/simulator"
	"orderflow/sagas"
	"orderflow/sagas/charging"
	"orderflow/sagas/dispatching"
	"orderflow/sagas/fulfilling"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is the whole system in one process: commands, the three sagas and the providers.
type world struct {
	bus       *commands.Local
	log       eventlog.Store
	simulator *simulator.Simulator
	dir       string
}

func newWorld(t *testing.T, opts simulator.Options) *world {
	t.Helper()
	w := &world{log: memory.New(), dir: t.TempDir()}
	w.bus = commands.NewLocal(w.log, nil)
	var err error
	if w.simulator, err = simulator.Open(w.dir, opts); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for _, s := range w.sagas() {
		running.Go(func() {
			if err := sagas.NewDriver(sagas.Driver{Saga: s, Feed: w.log}).Run(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("saga %s: %v", s.Name, err)
			}
		})
	}
	t.Cleanup(func() {
		stop()
		running.Wait()
		w.bus.Close()
		if err := w.simulator.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *world) sagas() []sagas.Saga {
	b := w.bus
	return []sagas.Saga{
		fulfilling.New(fulfilling.Saga{Bus: b, Orders: b.Orders, Payments: b.Payments, Shipments: b.Shipments, Fulfilments: b.Fulfilments}),
		charging.New(charging.Saga{Gateways: charging.OneGateway(simulator.Default, w.simulator.Gateway(simulator.Default)), Orders: b.Orders, Payments: b.Payments, Fulfilments: b.Fulfilments}),
		dispatching.New(dispatching.Saga{
			Carriers: dispatching.OneCarrier(simulator.Default, w.simulator.Carrier(simulator.Default)), Orders: b.Orders, Shipments: b.Shipments, Fulfilments: b.Fulfilments,
		}),
	}
}

func (w *world) run(t *testing.T, i retail.Import, h retail.History) string {
	t.Helper()
	i.Bus, i.Log = w.bus, w.log
	report, err := i.Run(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// end returns where the log ends.
func (w *world) end(t *testing.T) eventlog.Position {
	t.Helper()
	end, err := w.log.(eventlog.EndReader).End(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return end
}

func sample(t *testing.T) retail.History {
	t.Helper()
	file, err := os.Open(filepath.Join("..", "..", "cmd", "orderflow", "testdata", "retail_sample.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // only read
	h, err := retail.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestRunAgainIsNoNews(t *testing.T) {
	w, h := newWorld(t, simulator.Options{}), sample(t)
	first := w.run(t, retail.Import{}, h)
	end := w.end(t)
	if second := w.run(t, retail.Import{}, h); second != first {
		t.Errorf("the second run says\n%s, the first\n%s", second, first)
	}
	if again := w.end(t); again != end {
		t.Errorf("the second run took the log from position %d to %d", end, again)
	}
}

// However orders run short and payments are declined, and however commands and
// sagas interleave, an import ends the same.
func TestEveryRunEndsTheSame(t *testing.T) {
	h := sample(t)
	declines := simulator.Options{Seed: 7, Payment: simulator.Rates{Decline: 0.2, LoseReply: 0.05, Twice: 0.05}}
	for stock, runs := range map[int64][]int{1: {64, 512}, 20: {4, 64, 512}, 100: {64, 512}} {
		var want string
		for run, underWay := range runs {
			got := newWorld(t, declines).run(t, retail.Import{Stock: stock, UnderWay: underWay}, h)
			switch {
			case run == 0:
				want = got
			case got != want:
				t.Errorf("with %d units of each and %d under way:\n%s, with %d:\n%s", stock, underWay, got, runs[0], want)
			}
		}
	}
}

func TestStockIsReceivedOnceForAll(t *testing.T) {
	w, h := newWorld(t, simulator.Options{}), sample(t)
	w.run(t, retail.Import{}, h)
	state, _, err := w.bus.Stock.Load(t.Context(), inventory.Stream("main"))
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range h.Articles {
		if l := state.Levels[a.SKU]; l.Reserved != 0 || l.OnHand < 0 {
			t.Errorf("%s is at %+v after all was sold", a.SKU, l)
		}
	}
}
