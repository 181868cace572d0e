package projectionstest

import (
	"fmt"
	"testing"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/projections"
	"orderflow/readmodels"
)

// Run checks a view store: what package projections relies on. open returns
// a new empty one, which Run does not close.
func Run(t *testing.T, open func(t *testing.T) projections.Views) {
	for name, check := range map[string]func(*testing.T, projections.Views){
		"a batch applies once and from where it says": batchesApplyOnce,
		"a checkpoint is kept with its ids":           checkpointsAreKept,
		"a row replaces the row of its key":           rowsReplace,
		"what is loaded is what was written":          loads,
		"holes are kept beside the rows":              holesAreKept,
		"a snapshot stays as it was":                  snapshots,
		"promoting switches readers and writers":      promotes,
		"discarding leaves the serving version alone": discards,
	} {
		t.Run(name, func(t *testing.T) { check(t, open(t)) })
	}
}

// At is the checkpoint of an event at a position, whose id is not known.
func At(p eventlog.Position) eventlog.Checkpoint {
	return eventlog.Checkpoint{Event: eventlog.Mark{Position: p}}
}

func live(t *testing.T, v projections.Views, group string) projections.Store {
	t.Helper()
	g, err := projections.GroupOf(group)
	if err != nil {
		t.Fatal(err)
	}
	s, err := v.Live(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func build(t *testing.T, v projections.Views, group string) projections.Building {
	t.Helper()
	g, err := projections.GroupOf(group)
	if err != nil {
		t.Fatal(err)
	}
	b, err := v.Build(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t *testing.T, s projections.Store, above, to eventlog.Position, skus ...string) {
	t.Helper()
	if err := s.Write(t.Context(), projections.Batch{Above: above, To: At(to), Rows: products(to, skus...)}); err != nil {
		t.Fatal(err)
	}
}

func products(at eventlog.Position, skus ...string) (r readmodels.Rows) {
	for _, sku := range skus {
		readmodels.ProductView.Add(&r, readmodels.Product{SKU: domain.SKU(sku), Name: sku, Price: domain.GBP(1), Position: int64(at)})
	}
	return r
}

// RowsOf returns the rows of the views of a group.
func RowsOf(g projections.Group, all readmodels.Rows) readmodels.Rows {
	rows := readmodels.Rows{}
	for _, view := range g.Views() {
		if set, ok := all[view]; ok {
			rows[view] = set
		}
	}
	return rows
}

func stands(t *testing.T, s projections.Store, at eventlog.Position, want string) {
	t.Helper()
	snap, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close() //nolint:errcheck // it only read
	if have := shown(t, snap); snap.Position() != at || have != want {
		t.Errorf("the store is at %d with %s; want %d with %s", snap.Position(), have, at, want)
	}
	if have, err := s.Checkpoint(t.Context()); err != nil || have.Position() != at {
		t.Errorf("the checkpoint is %+v, %v; want position %d", have, err, at)
	}
}

func shown(t *testing.T, snap projections.Snapshot) (rows string) {
	t.Helper()
	for row, err := range snap.Rows(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		rows += fmt.Sprintf("%s@%d ", row.Key, row.Value.(*readmodels.Product).Position)
	}
	return rows
}

func batchesApplyOnce(t *testing.T, v projections.Views) {
	s := live(t, v, projections.Products)
	stands(t, s, 0, "")
	write(t, s, 0, 5, "b", "a")
	for _, above := range []eventlog.Position{0, 4, 6} {
		err := s.Write(t.Context(), projections.Batch{Above: above, To: At(9), Rows: products(9, "c", "a")})
		if domain.KindOf(err) != domain.Conflict {
			t.Errorf("a batch from %d on a store at 5 answers %v, not Conflict", above, err)
		}
	}
	stands(t, s, 5, "a@5 b@5 ")
	write(t, s, 5, 7)
	stands(t, s, 7, "a@5 b@5 ")
}

// marks are checkpoints as views write them: of an event, past the events of
// others, and back again.
func marks() []eventlog.Checkpoint {
	event := eventlog.Mark{Position: 5, ID: eventlog.EventID{5, 0xff, 1}}
	return []eventlog.Checkpoint{
		{Event: event},
		{Event: event, Passed: eventlog.Mark{Position: 1 << 40, ID: eventlog.EventID{9}}},
		{Event: event, Passed: eventlog.Mark{Position: 1<<40 + 300}},
		{Event: event},
		{Event: eventlog.Mark{Position: 7}},
		{Event: eventlog.Mark{Position: 800, ID: eventlog.EventID{8}}, Passed: eventlog.Mark{Position: 900, ID: eventlog.EventID{9}}},
	}
}

func checkpointsAreKept(t *testing.T, v projections.Views) {
	follow := func(s projections.Store, from eventlog.Position) {
		t.Helper()
		for _, c := range marks() {
			if err := s.Write(t.Context(), projections.Batch{Above: from, To: c}); err != nil {
				t.Fatal(err)
			}
			if have, err := s.Checkpoint(t.Context()); err != nil || have != c {
				t.Errorf("the checkpoint is %+v, %v; want %+v", have, err, c)
			}
			from = c.Position()
		}
	}
	follow(live(t, v, projections.Products), 0)
	b := build(t, v, projections.Products)
	follow(b, 0)
	if err := b.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	last := marks()[len(marks())-1]
	if have, err := live(t, v, projections.Products).Checkpoint(t.Context()); err != nil || have != last {
		t.Errorf("after promoting the checkpoint is %+v, %v; want %+v", have, err, last)
	}
	follow(b, last.Position())
}

func rowsReplace(t *testing.T, v projections.Views) {
	s := live(t, v, projections.Products)
	var many []string
	want := ""
	for i := range 100 {
		many = append(many, fmt.Sprintf("sku%03d", i))
		want += fmt.Sprintf("sku%03d@6 ", i)
	}
	write(t, s, 0, 5, many...)
	write(t, s, 5, 6, many...)
	stands(t, s, 6, want)
}

func loads(t *testing.T, v projections.Views) {
	s := live(t, v, projections.Products)
	write(t, s, 0, 5, "a", "b", "c'\"\\")
	keys := readmodels.Keys{readmodels.ProductView: {"c'\"\\", "a", "nobody"}}
	r, err := s.Load(t.Context(), keys)
	if err != nil || len(readmodels.ProductView.In(r)) != 2 {
		t.Errorf("loaded %+v, %v", r, err)
	}
	stock := live(t, v, projections.Stock)
	rows := []readmodels.Stock{{Warehouse: "w", SKU: "a"}, {Warehouse: "w", SKU: "b"}, {Warehouse: "x", SKU: "a", Reserved: 7}}
	if err := stock.Write(t.Context(), projections.Batch{To: At(1), Rows: readmodels.StockView.Rows(rows...)}); err != nil {
		t.Fatal(err)
	}
	r, err = stock.Load(t.Context(), keysOf(readmodels.StockView, readmodels.Stock{Warehouse: "x", SKU: "a"}, readmodels.Stock{Warehouse: "x", SKU: "b"}))
	if found := readmodels.StockView.In(r); err != nil || len(found) != 1 || found[0] != rows[2] {
		t.Errorf("loaded %+v, %v", found, err)
	}
	orders := live(t, v, projections.Orders)
	day := readmodels.SalesDay{Day: readmodels.Day(Start()), Currency: "GBP", Orders: 3}
	if err := orders.Write(t.Context(), projections.Batch{To: At(1), Rows: readmodels.SalesView.Rows(day)}); err != nil {
		t.Fatal(err)
	}
	r, err = orders.Load(t.Context(), keysOf(readmodels.SalesView, day, readmodels.SalesDay{Day: day.Day, Currency: "EUR"}))
	if found := readmodels.SalesView.In(r); err != nil || len(found) != 1 || found[0] != day {
		t.Errorf("loaded %+v, %v", found, err)
	}
	if err := orders.Write(t.Context(), projections.Batch{Above: 1, To: At(2), Rows: products(2, "a")}); err == nil || domain.KindOf(err) != domain.Internal {
		t.Errorf("rows of another group's view were written: %v", err)
	}
}

func keysOf[V any](view *readmodels.View[V], rows ...V) readmodels.Keys {
	k := readmodels.Keys{}
	for _, r := range rows {
		k[view] = append(k[view], view.KeyOf(&r))
	}
	return k
}

func snapshots(t *testing.T, v projections.Views) {
	s := live(t, v, projections.Products)
	write(t, s, 0, 5, "a")
	snap, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close() //nolint:errcheck // it only read
	write(t, s, 5, 6, "a", "b")
	sums, err := snap.Sums(t.Context())
	if have := shown(t, snap); have != "a@5 " || snap.Position() != 5 || err != nil || sums["products.count"] != 1 {
		t.Errorf("the snapshot became %q at %d, %v, %v", have, snap.Position(), sums, err)
	}
	stands(t, s, 6, "a@6 b@6 ")
}

func promotes(t *testing.T, v projections.Views) {
	s := live(t, v, projections.Products)
	write(t, s, 0, 5, "old")
	snap, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b := build(t, v, projections.Products)
	write(t, b, 0, 4, "new")
	stands(t, live(t, v, projections.Products), 5, "old@5 ")
	if err := b.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	write(t, b, 4, 9, "newer")
	stands(t, live(t, v, projections.Products), 9, "new@4 newer@9 ")
	if have := shown(t, snap); have != "old@5 " {
		t.Errorf("a reader of the old version sees %q", have)
	}
	if err := snap.Close(); err != nil {
		t.Error(err)
	}
	if err := b.Discard(t.Context()); err != nil {
		t.Error(err)
	}
	stands(t, live(t, v, projections.Products), 9, "new@4 newer@9 ")
}

func discards(t *testing.T, v projections.Views) {
	s := live(t, v, projections.Products)
	write(t, s, 0, 5, "old")
	first, second := build(t, v, projections.Products), build(t, v, projections.Products)
	write(t, first, 0, 4, "first")
	write(t, second, 0, 3, "second")
	stands(t, first, 4, "first@4 ")
	stands(t, second, 3, "second@3 ")
	for _, b := range []projections.Building{first, second} {
		if err := b.Discard(t.Context()); err != nil {
			t.Error(err)
		}
	}
	stands(t, s, 5, "old@5 ")
}
