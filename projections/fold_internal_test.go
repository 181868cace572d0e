package projections

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/order"
	"orderflow/readmodels"
)

// TestFoldsAreThoseOfOlderPrograms fails when the fold of a group gives other rows than
// it did; see OlderNames.
func TestFoldsAreThoseOfOlderPrograms(t *testing.T) {
	for name, older := range OlderNames() {
		g, err := GroupOf(name)
		if err != nil {
			t.Fatal(err)
		}
		if g.FoldVersion() != older["fold"].Name {
			t.Errorf("the fold of %s is %s: all its views would be computed again", name, g.FoldVersion())
		}
	}
}

// TestTheReferenceIsWorthComparing looks for event types that never come to a fold, and
// for columns that always have the same value: a change of what is folded into them
// would not be noticed.
func TestTheReferenceIsWorthComparing(t *testing.T) {
	for _, g := range Groups() {
		folded, values := map[string]int{}, map[string]map[any]struct{}{}
		u := newUnit(g, nothing{})
		for _, history := range reference(g.Categories) {
			for _, r := range history {
				e, err := newDecoder().decode(r)
				if err != nil {
					t.Errorf("%s: %v", r.Type, err)
				}
				if u.fold(t.Context(), e) == nil && u.unwritten > 0 {
					folded[r.Type]++
				}
				for view, set := range u.dirty() {
					for i := range set.Len() {
						var row columnsOf
						if err := view.Encode(set.At(i), &row); err != nil {
							t.Fatal(err)
						}
						for c, v := range row {
							name := view.Layout().Name + "." + view.Layout().Columns[c].Name
							if values[name] == nil {
								values[name] = map[any]struct{}{}
							}
							values[name][v] = struct{}{}
						}
					}
				}
				u.markWritten()
			}
		}
		for _, s := range samples() {
			if slices.Contains(g.Categories, s.category) && folded[s.name] == 0 && s.name != "stock.refused.v1" { // which moves nothing
				t.Errorf("%s: no event of the type %s changes a row", g.Name, s.name)
			}
		}
		for _, view := range g.Tables() {
			if view == readmodels.Table(readmodels.HoleView) && g.Name == Stock {
				continue // stock has no holes
			}
			for _, c := range view.Layout().Columns {
				if name := view.Layout().Name + "." + c.Name; len(values[name]) < 2 && g.Name+name != "productsholes.order_id" { // no product is about an order
					t.Errorf("%s: the column %s always is %v", g.Name, name, values[name])
				}
			}
		}
	}
}

// columnsOf is a sink that keeps what it takes.
type columnsOf []any

func (r *columnsOf) Text(s string)  { *r = append(*r, s) }
func (r *columnsOf) Number(n int64) { *r = append(*r, n) }
func (r *columnsOf) Bool(b bool)    { *r = append(*r, b) }

// forgetful is a fold that does not change a field of its rows.
type forgetful struct {
	viewFold
	forget func()
}

func (f forgetful) fold(ctx context.Context, e event) error {
	err := f.viewFold.fold(ctx, e)
	f.forget()
	return err
}

// TestAFoldThatForgetsAFieldHasAnotherName forgets one after another the fields of the
// rows of orders, and of their lines.
func TestAFoldThatForgetsAFieldHasAnotherName(t *testing.T) {
	g, err := GroupOf(Orders)
	if err != nil {
		t.Fatal(err)
	}
	place := slices.IndexFunc(g.views, func(v view) bool { return v.Table == readmodels.OrderView })
	as := func(forget func(o *readmodels.Order)) string {
		changed := g
		changed.views = slices.Clone(g.views)
		changed.views[place].fold = func(u *unit) viewFold {
			return forgetful{foldOrders(u), func() {
				for _, o := range rowsOf(u, readmodels.OrderView).young {
					forget(o)
				}
			}}
		}
		return changed.digest()
	}
	if have, want := as(func(*readmodels.Order) {}), g.digest(); have != want {
		t.Fatalf("the same fold is %s and %s", have, want)
	}
	fields, lines := reflect.TypeFor[readmodels.Order](), reflect.TypeFor[readmodels.OrderLine]()
	for i := range fields.NumField() {
		if as(func(o *readmodels.Order) { reflect.ValueOf(o).Elem().Field(i).SetZero() }) == g.digest() {
			t.Errorf("an order without %s has the same name", fields.Field(i).Name)
		}
	}
	for i := range lines.NumField() {
		if as(func(o *readmodels.Order) {
			for l := range o.Lines {
				reflect.ValueOf(&o.Lines[l]).Elem().Field(i).SetZero()
			}
		}) == g.digest() {
			t.Errorf("a line without %s has the same name", lines.Field(i).Name)
		}
	}
}

// TestEveryFieldOfAnOrderIsInItsRow looks for fields of the first event, and of its
// lines, that the row of the order does not show.
func TestEveryFieldOfAnOrderIsInItsRow(t *testing.T) {
	hidden := []string{"Fingerprint", "PaymentToken"} // not for readers
	placed, d := reflect.New(reflect.TypeFor[order.Placed]()).Elem(), &drawing{}
	for placed.FieldByName("Lines").Len() == 0 {
		d.fill(placed)
	}
	fact := placed.Interface().(order.Placed)
	p, err := order.Codec.Encode(fact)
	if err != nil {
		t.Fatal(err)
	}
	var row readmodels.Order
	r := eventlog.Recorded{Stream: order.Stream(fact.Order), Version: 1, Position: 1, Type: p.Type, Data: p.Data}
	if changed, err := FoldOrder(&row, r); err != nil || !changed {
		t.Fatal(changed, err)
	}
	row.PlacedAt = fact.PlacedAt // but for the parts of a microsecond
	compare := func(shown, told reflect.Value, renamed map[string]string) {
		for i := range told.NumField() {
			name := told.Type().Field(i).Name
			if slices.Contains(hidden, name) || name == "Lines" {
				continue
			}
			if as, ok := renamed[name]; ok {
				name = as
			}
			have := shown.FieldByName(name)
			if !have.IsValid() || !reflect.DeepEqual(have.Interface(), told.Field(i).Interface()) {
				t.Errorf("%s has %+v in %s, which the row does not show", told.Type(), told.Field(i), name)
			}
		}
	}
	compare(reflect.ValueOf(row), placed, map[string]string{"Order": "ID"})
	if len(row.Lines) != len(fact.Lines) {
		t.Fatalf("the row has %d lines, the event %d", len(row.Lines), len(fact.Lines))
	}
	for i := range fact.Lines {
		compare(reflect.ValueOf(row.Lines[i]), reflect.ValueOf(fact.Lines[i]), nil)
	}
}

// TestFoldOrderIsTheFoldOfTheView folds reference events of orders and payments alone,
// and compares each row with the view's.
func TestFoldOrderIsTheFoldOfTheView(t *testing.T) {
	g, err := GroupOf(Orders)
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for h, history := range reference(g.Categories) {
		if history[0].Type != "order.placed.v1" {
			continue // it lacks its beginning
		}
		u := newUnit(g, nothing{})
		var alone readmodels.Order
		for i, r := range history {
			e, err := newDecoder().decode(r)
			if err != nil {
				t.Fatal(err)
			}
			payments := rowsOf(u, readmodels.PaymentView)
			switch c := r.Stream.Category(); {
			case c == "payment" && r.Version > 1 && payments.get(r.Stream.ID()) == nil: // a hole
			case c == "order" || c == "payment":
				_, err = FoldOrder(&alone, r)
			}
			if failed := u.fold(t.Context(), e); failed != nil || err != nil {
				if err != nil && failed == nil {
					t.Errorf("history %d, event %d (%s): only FoldOrder fails: %v", h, i, r.Type, err)
				}
				break // such a view stops, too
			}
			row := rowsOf(u, readmodels.OrderView).get(r.Stream.ID())
			if !reflect.DeepEqual(*row, alone) {
				t.Fatalf("history %d, event %d (%s):\nFoldOrder %+v\nthe view  %+v", h, i, r.Type, alone, *row)
			}
			compared++
		}
	}
	if compared < 100 {
		t.Errorf("only %d rows were compared", compared)
	}
}

// TestNoEventOfAnotherStreamChangesAnOrder also shows that a second first event is left out.
func TestNoEventOfAnotherStreamChangesAnOrder(t *testing.T) {
	row := readmodels.Order{ID: "ord_1", Lines: []readmodels.OrderLine{{SKU: "a", Quantity: 1}}, Total: domain.GBP(1)}
	before := fmt.Sprintf("%+v", row)
	again, err := order.Codec.Encode(order.Placed{Order: "ord_1", Lines: []order.Line{{SKU: "b"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []eventlog.Recorded{
		{Stream: order.Stream("ord_1"), Version: 2, Type: again.Type, Data: again.Data},
		{Stream: "shipment-ord_1", Version: 1, Type: "shipment.delivered.v1", Data: []byte("{}")},
	} {
		changed, err := FoldOrder(&row, r)
		if after := fmt.Sprintf("%+v", row); err != nil || changed || after != before {
			t.Errorf("%s: %v, %v, %s", r.Type, changed, err, after)
		}
	}
}
