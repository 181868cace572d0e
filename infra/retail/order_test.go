package retail_test

import (
	"cmp"
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"orderflow/commands"
	"orderflow/domain"
	"orderflow/domain/order"
	"orderflow/infra/retail"
	"orderflow/infra/simulator"
)

// watchedBus looks before every return whether an order has ended.
type watchedBus struct {
	*commands.Local
	t     *testing.T
	first domain.OrderID // that must have ended
	seen  chan order.Status
}

func (b watchedBus) Send(ctx context.Context, c commands.Command) (commands.Reply, error) {
	if _, back := c.(commands.ReturnLines); back {
		s, _, err := b.Orders.Load(ctx, order.Stream(b.first))
		if err != nil {
			b.t.Error(err)
		}
		b.seen <- s.Status
	}
	return b.Local.Send(ctx, c)
}

// An order that finds the shelf empty is not saved by goods that come back
// after it, however quickly they do.
func TestAReturnWaitsForTheOrdersBeforeIt(t *testing.T) {
	h := read(t, table("1 x 5 1 7", "2 x 3 1 8", "C3 x -5 1 7", "4 x 4 1 9"))
	w := newWorld(t, simulator.Options{})
	bus := watchedBus{Local: w.bus, t: t, first: h.Invoices[1].Order(), seen: make(chan order.Status, 1)}
	report, err := retail.Import{Bus: bus, Log: w.log, Stock: 5}.Run(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	if status := <-bus.seen; status != order.StatusRejected {
		t.Errorf("the return was made while the order before it was %q", status)
	}
	if report.OrdersConfirmed != 2 || report.OrdersOutOfStock != 1 || report.ReturnedUnits != 5 || report.UnmatchedUnits != 0 {
		t.Errorf("the import says %+v", report)
	}
}

// Returns go to the newest sale first, line by line, and never to a sale after them.
func TestReturnsFindTheSalesTheyCameFrom(t *testing.T) {
	h := read(t, table("1 x 5 1.00 7", "2 x 2 2.00 7", "2 y 9 1 7", "2 x 3 3.00 7", "9 x 50 1 8",
		"C3 x -4 1 7", "C3 x -2 1 7", "C4 x -1 1 ", "C5 x -9 1 7", "6 x 9 1 7"))
	w := newWorld(t, simulator.Options{})
	report, err := importInto(w, t, h)
	if err != nil {
		t.Fatal(err)
	}
	// In the end all is back, whoever came first; so it counts which return took what.
	for place, want := range map[int][][]order.ReturnedLine{
		0: {{{Line: 0, Quantity: 1}}, {{Line: 0, Quantity: 4}}}, // what C3 did not find in invoice 2, and C5
		1: {{{Line: 0, Quantity: 2}, {Line: 2, Quantity: 3}}},   // C3, line by line
	} {
		s, _, err := w.bus.Orders.Load(t.Context(), order.Stream(h.Invoices[place].Order()))
		if err != nil {
			t.Fatal(err)
		}
		var got [][]order.ReturnedLine
		for _, r := range s.Returns {
			got = append(got, r.Lines)
		}
		slices.SortFunc(got, func(a, b []order.ReturnedLine) int { return cmp.Compare(a[0].Quantity, b[0].Quantity) }) // they are sent at the same time
		if !reflect.DeepEqual(got, want) {
			t.Errorf("of invoice %s came back %v, not %v", h.Invoices[place].No, got, want)
		}
	}
	// C3: 2×2.00 + 2×3.00, then 1×3.00 + 1×1.00; C4 names nobody; C5: the 4 that are left at 1.00, 5 too many.
	if report.Refunded["GBP"] != 400+600+300+100+400 || report.ReturnedUnits != 10 || report.UnmatchedUnits != 1+5 {
		t.Errorf("the import says %+v", report)
	}
}

// A file that was changed under the same invoice numbers is not half imported.
func TestAnotherFileUnderTheSameNumbersIsAMismatch(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	if _, err := importInto(w, t, read(t, table("1 x 5 1 7"))); err != nil {
		t.Fatal(err)
	}
	before := w.end(t)
	if _, err := importInto(w, t, read(t, table("1 x 5 2 7", "2 x 1 1 7"))); domain.KindOf(err) != domain.Mismatch {
		t.Errorf("the other file says %v", err)
	}
	if after := w.end(t); after != before {
		t.Errorf("the other file took the log from %d to %d", before, after)
	}
}

func importInto(w *world, t *testing.T, h retail.History) (retail.Report, error) {
	t.Helper()
	return retail.Import{Bus: w.bus, Log: w.log}.Run(t.Context(), h)
}

// An order that stands still ends the import with its name and not never.
func TestAnOrderThatStandsStillIsNamed(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	w.simulator.SetOutage(simulator.Shipping, simulator.Default, simulator.Unavailable)
	_, err := retail.Import{Bus: w.bus, Log: w.log, StallAfter: stallSoon}.Run(t.Context(), read(t, table("4711 x 5 1 7")))
	if domain.KindOf(err) != domain.Unavailable || !contains(err, "4711") {
		t.Errorf("the import says %v", err)
	}
}

// stallSoon is shorter than the pause after which dispatching asks again.
const stallSoon = 50 * time.Millisecond

func contains(err error, part string) bool { return err != nil && strings.Contains(err.Error(), part) }
