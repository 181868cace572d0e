package order_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/eventlog/eventlogtest"
	"orderflow/domain/order"
)

// text draws what is plain and what is not.
func text() *rapid.Generator[string] {
	return rapid.OneOf(rapid.StringMatching(`[a-zA-Z0-9_ .-]{0,20}`), rapid.String())
}

func anyPlaced(t *rapid.T) order.Placed {
	p := order.Placed{
		Order: domain.OrderID(text().Draw(t, "order")), Customer: domain.CustomerID(text().Draw(t, "customer")),
		Warehouse: domain.Warehouse(text().Draw(t, "warehouse")), Lines: rapid.SliceOfN(rapid.Custom(anyLine), 0, 3).Draw(t, "lines"),
		Total:        domain.Money{Minor: rapid.Int64Range(0, 1<<40).Draw(t, "total"), Currency: text().Draw(t, "currency")},
		PaymentToken: text().Draw(t, "token"), Fingerprint: text().Draw(t, "fingerprint"), Origin: text().Draw(t, "origin"),
		PlacedAt: time.Unix(rapid.Int64Range(-1<<40, 1<<40).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanos")).UTC(),
	}
	if rapid.Bool().Draw(t, "no lines") {
		p.Lines = nil
	}
	return p
}

// Orders write themselves, but not their own form.
func TestPlacedIsWrittenAsJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { eventlogtest.PlainWrite[order.Event](t, order.Codec, anyPlaced(t)) })
}

// TestAnyPlacedHasEveryField fails for a field that anyPlaced never fills, so that the
// hand-written form would not be compared for it.
func TestAnyPlacedHasEveryField(t *testing.T) {
	filled := map[string]bool{}
	note := func(v reflect.Value) {
		for i := range v.NumField() {
			if !v.Field(i).IsZero() {
				filled[v.Type().Name()+"."+v.Type().Field(i).Name] = true
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		p := anyPlaced(t)
		note(reflect.ValueOf(p))
		for _, l := range p.Lines {
			note(reflect.ValueOf(l))
		}
	})
	for _, of := range []reflect.Type{reflect.TypeFor[order.Placed](), reflect.TypeFor[order.Line]()} {
		for i := range of.NumField() {
			if name := of.Name() + "." + of.Field(i).Name; !filled[name] {
				t.Errorf("anyPlaced never fills %s", name)
			}
		}
	}
}

func FuzzPlacedIsReadAsJSON(f *testing.F) {
	for _, p := range []order.Placed{
		{}, {Lines: []order.Line{}}, {Order: "ord_1", Lines: []order.Line{{SKU: "A", Quantity: 1}, {SKU: "B", Name: "a \"name\"", PriceMinor: -1}}},
	} {
		data, err := json.Marshal(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"order":"é\u00e9` + "\xff" + `","lines":[{"sku":"A","qty":01}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		eventlogtest.PlainRead[order.Event](t, order.Codec, order.Placed{}, data)
	})
}

// BenchmarkPlaced is an order of ten lines, written and read by itself and by
// encoding/json.
func BenchmarkPlaced(b *testing.B) {
	p := order.Placed{
		Order: "ord_0123456789abcdefghijkl", Customer: "bench", Warehouse: "main", Total: domain.GBP(1990),
		PaymentToken: "tok_visa", Fingerprint: "0123456789abcdefghijkl", PlacedAt: time.Unix(1e9, 1).UTC(), Origin: order.OriginAPI,
	}
	for range 10 {
		p.Lines = append(p.Lines, order.Line{SKU: "BENCH-001", Name: "An article of the benchmark", Quantity: 1, PriceMinor: 199})
	}
	data, err := json.Marshal(p)
	if err != nil {
		b.Fatal(err)
	}
	for name, run := range map[string]func() error{
		"write":      func() error { _, err := order.Codec.Encode(p); return err },
		"write/json": func() error { _, err := json.Marshal(p); return err },
		"read": func() error {
			_, _, err := order.Codec.Decode(eventlog.Recorded{Type: p.EventType(), Data: data})
			return err
		},
		"read/json": func() error { return json.Unmarshal(data, new(order.Placed)) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
