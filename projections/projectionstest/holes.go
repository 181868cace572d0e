package projectionstest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/catalog"
	"orderflow/domain/eventlog"
	"orderflow/domain/order"
	"orderflow/domain/payment"
	"orderflow/projections"
	"orderflow/readmodels"
)

// holesAreKept checks that holes come back as they were written, from a serving
// version as from one that is built, and go with their version.
func holesAreKept(t *testing.T, v projections.Views) {
	asks, ok := v.(readmodels.Holes)
	if !ok {
		t.Fatal("these views keep no holes")
	}
	at := Start().Add(time.Second)
	a := readmodels.Hole{Stream: "order-a", Order: "a", Events: 3, Since: Start(), UpdatedAt: at, Position: 5}
	b := readmodels.Hole{Stream: "payment-'b\"", Order: "'b\"", Events: 1, Since: at, UpdatedAt: at, Position: 4}
	check := func(s projections.Store, want ...readmodels.Hole) {
		t.Helper()
		loaded, err := s.Load(t.Context(), readmodels.Keys{readmodels.HoleView: {a.Stream, "order-none", b.Stream}})
		rows := readmodels.HoleView.In(loaded)
		slices.SortFunc(rows, func(x, y readmodels.Hole) int { return strings.Compare(x.Stream, y.Stream) })
		if err != nil || !slices.Equal(rows, want) {
			t.Errorf("loaded are %+v, %v; want %+v", rows, err, want)
		}
		snap, err := s.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer snap.Close() //nolint:errcheck // it only read
		var have []readmodels.Hole
		for row, err := range snap.Rows(t.Context()) {
			if h, ok := row.Value.(*readmodels.Hole); err != nil || !ok || row.View != readmodels.Table(readmodels.HoleView) || row.Key != h.Stream {
				t.Errorf("%+v, %v", row, err)
			} else {
				have = append(have, *h)
			}
		}
		if !slices.Equal(have, want) {
			t.Errorf("the snapshot has %+v, want %+v", have, want)
		}
	}
	listed := func(limit int, total int64, want ...readmodels.Hole) {
		t.Helper()
		list, n, err := asks.Holes(t.Context(), projections.Orders, limit)
		if err != nil || n != total || !slices.Equal(list, want) {
			t.Errorf("up to %d are %+v of %d, %v; want %+v of %d", limit, list, n, err, want, total)
		}
	}
	put := func(s projections.Store, above, to eventlog.Position, holes ...readmodels.Hole) {
		t.Helper()
		if err := s.Write(t.Context(), projections.Batch{Above: above, To: At(to), Rows: readmodels.HoleView.Rows(holes...)}); err != nil {
			t.Fatal(err)
		}
	}
	s := live(t, v, projections.Orders)
	listed(9, 0)
	put(s, 0, 4, b)
	put(s, 4, 5, a, b)
	check(s, a, b)
	listed(9, 2, a, b)
	listed(1, 2, a)
	listed(0, 2)
	if _, n, err := asks.Holes(t.Context(), projections.Products, 9); err != nil || n != 0 {
		t.Errorf("another group has %d, %v", n, err)
	}
	again := b
	again.Events, again.Position = 2, 6
	building := build(t, v, projections.Orders)
	put(building, 0, 5, b)
	put(building, 5, 6, again)
	check(building, again)
	listed(9, 2, a, b)
	if err := building.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	listed(9, 1, again)
	check(live(t, v, projections.Orders), again)
}

// HoleViews are views that say what they set aside.
type HoleViews interface {
	HealingViews
	readmodels.Products
	readmodels.Payments
	readmodels.Holes
}

// cut is a stream that loses its events below a version.
type cut struct {
	stream eventlog.Stream
	below  eventlog.Version
}

const everything eventlog.Version = 1_000

// holeCase is a log of which streams lost their beginning, and what is said of it.
type holeCase struct {
	cuts  []cut
	holes map[string][]eventlog.Stream // by group
}

// holeCases damages order 1 and product SKU-0001 only.
func holeCases() map[string]holeCase {
	id := Order{Number: 1}.ID()
	o, p := order.Stream(id), payment.Stream(id)
	sku := catalog.Stream("SKU-0001")
	orders := func(s ...eventlog.Stream) map[string][]eventlog.Stream {
		return map[string][]eventlog.Stream{projections.Orders: s}
	}
	return map[string]holeCase{
		"nothing":               {nil, nil},
		"order, its placement":  {[]cut{{o, 2}}, orders(o)},
		"order, all":            {[]cut{{o, everything}}, orders(o)},
		"payment, the attempt":  {[]cut{{p, 2}}, orders(p)},
		"payment, all":          {[]cut{{p, everything}}, nil}, // it reads as not begun
		"fulfilment, beginning": {[]cut{{eventlog.Stream("fulfilment-" + string(id)), 4}}, nil},
		"fulfilment, all":       {[]cut{{eventlog.Stream("fulfilment-" + string(id)), everything}}, nil},
		"shipment, all":         {[]cut{{eventlog.Stream("shipment-" + string(id)), everything}}, nil},
		"order and payment":     {[]cut{{o, 2}, {p, 2}}, orders(o)},
		"product":               {[]cut{{sku, 2}}, map[string][]eventlog.Stream{projections.Products: {sku}}},
		"stock":                 {[]cut{{"inventory-" + eventlog.Stream(domain.DefaultWarehouse), 3}}, nil},
	}
}

// RunHoles checks that an order or a product that lost its first events stops no
// view: live, rebuilt, verified and after a restart. views returns empty ones,
// newLog an empty log.
func RunHoles(t *testing.T, views func(t *testing.T) HoleViews, newLog func() HealingLog) {
	for name, c := range holeCases() {
		t.Run(name, func(t *testing.T) {
			h := &holed{healing: &healing{T: t, views: views(t), newLog: newLog, log: newLog()}, holeCase: c}
			h.damage()
			h.run(func(r *projections.Runner, w *warnings) {
				h.ready(r)
				h.check(r)
				h.logged(w, 1)
			})
			h.run(func(r *projections.Runner, w *warnings) { // another process
				h.ready(r)
				h.check(r)
				h.logged(w, 0)
				for _, g := range projections.Groups() {
					if _, err := r.Rebuild(t.Context(), g.Name, nil); err != nil {
						t.Fatal(err)
					}
				}
				h.check(r)
				h.logged(w, 1)
			})
		})
	}
}

type holed struct {
	*healing
	holeCase
}

// damage fills the log, with order 1 among others and cut.
func (h *holed) damage() {
	h.Helper()
	history := &History{T: h, Log: h.log}
	history.Append(Stocked()...)
	for n := range 3 {
		o := Order{Number: n, Lines: 2}
		history.Append(o.Confirmed()...)
		history.Append(o.CancelAsked()...)
		history.Append(o.Cancelled()...)
	}
	o := Order{Number: 3, Lines: 2}
	history.Append(slices.Concat(o.Confirmed(), o.ReturnAsked(), o.Returned())...)
	sku := domain.SKU("SKU-0001")
	history.Append(
		Of[catalog.Event](catalog.Stream(sku), catalog.Codec, catalog.Repriced{Price: domain.GBP(9)}),
		Of[catalog.Event](catalog.Stream(sku), catalog.Codec, catalog.Delisted{}),
		Of[catalog.Event](catalog.Stream(sku), catalog.Codec, catalog.Listed{SKU: sku, Name: "B", Price: domain.GBP(8)}),
		Fact{Stream: strange, Pending: eventlog.Pending{Type: "strange.v1", Data: []byte("{}")}})
	for _, c := range h.cuts {
		h.log.Scavenge(c.stream, c.below)
	}
}

// check compares views, statuses, holes and verification with what is to be.
func (h *holed) check(r *projections.Runner) {
	h.Helper()
	views := h.views.(HoleViews)
	for _, n := range []int{0, 2, 3} {
		if _, err := views.Order(h.Context(), Order{Number: n}.ID()); err != nil {
			h.Errorf("order %d, which is whole, is not there: %v", n, err)
		}
		if _, err := views.Payment(h.Context(), Order{Number: n}.ID()); err != nil {
			h.Errorf("the payment of order %d, which is whole, is not there: %v", n, err)
		}
	}
	if _, err := views.Product(h.Context(), "SKU-0002"); err != nil {
		h.Error(err)
	}
	all, err := r.Status(h.Context())
	if err != nil {
		h.Fatal(err)
	}
	for _, s := range all {
		want := h.holes[s.Group]
		if s.State != projections.Following || s.Error != "" || s.Incomplete != int64(len(want)) {
			h.Errorf("%+v; want %d incomplete", s, len(want))
		}
		list, total, err := views.Holes(h.Context(), s.Group, 10)
		if err != nil || total != int64(len(want)) || !slices.Equal(names(list), want) {
			h.Errorf("%s: holes are %+v of %d, %v; want %v", s.Group, list, total, err, want)
		}
		report, err := r.Verify(h.Context(), s.Group, nil)
		if err != nil {
			h.Fatal(err)
		}
		if !report.OK() || report.Incomplete != int64(len(want)) || !slices.Equal(report.Holes, list) {
			h.Errorf("%s: %d differences %v; incomplete %d, %+v", s.Group, report.Different, report.Differences, report.Incomplete, report.Holes)
		}
	}
}

func names(list []readmodels.Hole) (all []eventlog.Stream) {
	for _, h := range list {
		all = append(all, eventlog.Stream(h.Stream))
	}
	return all
}

// logged checks how often each hole was logged.
func (h *holed) logged(w *warnings, times int) {
	h.Helper()
	for _, streams := range h.holes {
		for _, s := range streams {
			n := 0
			for _, line := range w.all() {
				if strings.Contains(line, "stream="+string(s)) && strings.Contains(line, "kind="+domain.Incomplete.String()) {
					n++
				}
			}
			if n != times {
				h.Errorf("%s was logged %d times, want %d: %v", s, n, times, w.all())
			}
		}
	}
}
