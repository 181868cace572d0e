package readmodels_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/readmodels"
)

// tables are all views with a row of each.
func tables() map[readmodels.Table]any {
	return map[readmodels.Table]any{
		readmodels.OrderView: &readmodels.Order{}, readmodels.PaymentView: &readmodels.Payment{},
		readmodels.FulfilmentView: &readmodels.Fulfilment{}, readmodels.SalesView: &readmodels.SalesDay{},
		readmodels.StockView: &readmodels.Stock{}, readmodels.ProductView: &readmodels.Product{},
		readmodels.HoleView: &readmodels.Hole{},
	}
}

// recorded is a sink that keeps what it takes.
type recorded []any

func (r *recorded) Text(s string)  { *r = append(*r, s) }
func (r *recorded) Number(n int64) { *r = append(*r, n) }
func (r *recorded) Bool(b bool)    { *r = append(*r, b) }

// scan gives back what was recorded.
func (r recorded) scan(dest ...any) error {
	if len(dest) != len(r) {
		return fmt.Errorf("%d destinations for %d columns", len(dest), len(r))
	}
	for i := range dest {
		reflect.ValueOf(dest[i]).Elem().Set(reflect.ValueOf(r[i]))
	}
	return nil
}

// TestEveryFieldHasItsColumn fills in every field of a row and reads the row back from
// its columns.
func TestEveryFieldHasItsColumn(t *testing.T) {
	for table, row := range tables() {
		l := table.Layout()
		t.Run(l.Name, func(t *testing.T) {
			n := 0
			fill(reflect.ValueOf(row).Elem(), &n)
			if o, ok := row.(*readmodels.Order); ok {
				o.Refunded.Currency = o.Total.Currency // which it always is
			}
			var columns recorded
			if err := table.Encode(row, &columns); err != nil {
				t.Fatal(err)
			}
			set := table.NewSet()
			if err := set.Read(columns.scan); err != nil {
				t.Fatal(err)
			}
			have, want := reflect.ValueOf(set.At(0)).Elem(), reflect.ValueOf(row).Elem()
			for i := range want.NumField() {
				name := want.Type().Field(i).Name
				if l.Name == "holes" && name == "How" {
					continue // views do not keep it
				}
				if h, w := have.Field(i).Interface(), want.Field(i).Interface(); !reflect.DeepEqual(h, w) {
					t.Errorf("%s comes back as %+v, not %+v: it has no column, or not its own", name, h, w)
				}
			}
			var key recorded
			if err := l.EncodeKey(table.Key(row), &key); err != nil || !reflect.DeepEqual(key, columns[:l.Keys]) {
				t.Errorf("the key %q has the columns %v, %v; the row has %v", table.Key(row), key, err, columns[:l.Keys])
			}
		})
	}
}

// fill gives every field a value of its own.
func fill(v reflect.Value, n *int) {
	*n++
	if _, ok := v.Interface().(time.Time); ok {
		v.Set(reflect.ValueOf(time.Date(2011, 1, *n, 0, 0, 0, 0, time.UTC))) // days of sales are midnight
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprint("text ", *n))
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), n)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	default:
		panic(fmt.Sprint("this test cannot fill in a ", v.Type()))
	}
}

// TestLayoutsNameTheirColumns looks for names in indexes and sums that are no columns.
func TestLayoutsNameTheirColumns(t *testing.T) {
	for table := range tables() {
		l := table.Layout()
		known := map[string]readmodels.Kind{}
		for i, c := range l.Columns {
			if _, twice := known[c.Name]; twice {
				t.Errorf("%s: the column %s comes twice", l.Name, c.Name)
			}
			if i < l.Keys && !c.Fixed {
				t.Errorf("%s: the key's column %s is not fixed", l.Name, c.Name)
			}
			known[c.Name] = c.Kind
		}
		check := func(where string, names ...string) {
			for _, name := range names {
				if _, ok := known[name]; !ok && name != "" {
					t.Errorf("%s: %s names the column %s, which there is not", l.Name, where, name)
				}
			}
		}
		for _, i := range l.Indexes {
			check(i.Name, i.Columns...)
			for _, c := range i.Where {
				check(i.Name, c.Columns...)
				if len(c.Values) > 0 {
					t.Errorf("%s: the index %s has a condition with a value", l.Name, i.Name)
				}
			}
		}
		for _, s := range l.Sums {
			check(s.Name, s.Column, s.By)
			if !strings.HasPrefix(s.Name, l.Name+".") {
				t.Errorf("%s: the sum %s is named after another view", l.Name, s.Name)
			}
			if s.By != "" && known[s.By] != readmodels.KindText {
				t.Errorf("%s: the sum %s is by a column that is no text", l.Name, s.Name)
			}
		}
		if l.Keys == 0 || l.Parent != nil && (l.Keys != 1 || l.Parent.Layout().Keys != 1 || l.Parent.Layout().Parent != nil) {
			t.Errorf("%s: it has no key, or its parent has not the same key", l.Name)
		}
	}
}

func TestAKeyOfAnotherViewIsRefused(t *testing.T) {
	for key, table := range map[string]readmodels.Table{"ord_1": readmodels.StockView, "yesterday\x00GBP": readmodels.SalesView} {
		var columns recorded
		if err := table.Layout().EncodeKey(key, &columns); err == nil || domain.KindOf(err) != domain.Internal {
			t.Errorf("%q is %v as a key of %s, %v", key, columns, table.Layout().Name, err)
		}
	}
}

func TestStockKeyIsThatOfTheRow(t *testing.T) {
	if have, want := readmodels.StockKey("w", "a b"), readmodels.StockView.KeyOf(&readmodels.Stock{Warehouse: "w", SKU: "a b"}); have != want {
		t.Errorf("it is %q, not %q", have, want)
	}
}

func TestCutLeavesWhatIsStored(t *testing.T) {
	o := readmodels.Order{Detail: "d", PlacedAt: time.Date(2011, 3, 4, 5, 6, 7, 8_009, time.FixedZone("x", 3_600))}
	readmodels.OrderView.Cut(&o)
	var columns recorded
	if err := readmodels.OrderView.Encode(&o, &columns); err != nil {
		t.Fatal(err)
	}
	set := readmodels.OrderView.NewSet()
	if err := set.Read(columns.scan); err != nil {
		t.Fatal(err)
	}
	if stored := *set.At(0).(*readmodels.Order); stored.PlacedAt != o.PlacedAt || stored.UpdatedAt != o.UpdatedAt || stored.Detail != o.Detail {
		t.Errorf("cut is %+v, stored %+v", o, stored)
	}
}
