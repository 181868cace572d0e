package inventory_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"orderflow/domain"
	"orderflow/domain/inventory"
)

// books are kept from the events alone, by other arithmetic than the fold's.
type books struct{ in, out, held map[domain.SKU]int64 }

func (b books) enter(e inventory.Event) {
	add := func(m map[domain.SKU]int64, units []inventory.Units, sign int64) {
		for _, u := range units {
			m[u.SKU] += sign * u.Quantity
		}
	}
	switch e := e.(type) {
	case inventory.Received:
		add(b.in, e.Units, +1)
	case inventory.Adjusted:
		b.in[e.SKU] += e.Delta
	case inventory.Reserved:
		add(b.held, e.Units, +1)
	case inventory.Released:
		add(b.held, e.Units, -1)
	case inventory.Committed:
		add(b.held, e.Units, -1)
		add(b.out, e.Units, +1)
	case inventory.Returned:
		add(b.in, e.Units, +1)
	case inventory.Refused:
	}
}

// Over any sequence of decisions nothing is oversold, at every step: what is
// held and what is gone never passes what came in. And what a refusal names
// was really short.
func TestStockIsConservedAndNeverOversold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := books{map[domain.SKU]int64{}, map[domain.SKU]int64{}, map[domain.SKU]int64{}}
		s := inventory.Decider.Initial
		for i := range rapid.IntRange(1, 60).Draw(t, "steps") {
			decide := decision(t, i)
			events, err := decide(s)
			if err != nil {
				if len(events) > 0 {
					t.Fatalf("events beside %v", err)
				}
				continue
			}
			for _, e := range events {
				if r, ok := e.(inventory.Refused); ok {
					checkShort(t, r, b)
				}
				b.enter(e)
			}
			s = inventory.Decider.Fold(s, events...)
			if again, err := decide(s); err != nil || len(again) > 0 {
				t.Fatalf("deciding again: %+v, %v", again, err)
			}
			checkBooks(t, s, b)
		}
		checkSnapshot(t, s)
	})
}

func decision(t *rapid.T, i int) inventory.Decision {
	sku := rapid.SampledFrom([]domain.SKU{"a", "b", "c"})
	order := domain.OrderID("o" + strconv.Itoa(rapid.IntRange(0, 5).Draw(t, "order")))
	id := strconv.Itoa(i - rapid.IntRange(0, 3).Draw(t, "back"))
	units := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) inventory.Units {
		return u(sku.Draw(t, "sku"), rapid.Int64Range(1, 8).Draw(t, "units"))
	}), 1, 4).Draw(t, "lines")
	switch rapid.IntRange(0, 6).Draw(t, "decision") {
	case 0:
		return inventory.Receive(id, units)
	case 1:
		return inventory.Adjust(id, sku.Draw(t, "adjusted"), rapid.Int64Range(-9, 9).Draw(t, "delta"), "")
	case 2, 3:
		return inventory.Reserve(order, units)
	case 4:
		return inventory.Release(order)
	case 5:
		return inventory.Commit(order)
	}
	return inventory.Return(order, id, units)
}

func checkShort(t *rapid.T, r inventory.Refused, b books) {
	if len(r.Short) == 0 {
		t.Fatal("refused and short of nothing")
	}
	for _, short := range r.Short {
		if free := b.in[short.SKU] - b.out[short.SKU] - b.held[short.SKU]; short.Available != free || short.Wanted <= free {
			t.Fatalf("%+v, but %d are free", short, free)
		}
	}
}

func checkBooks(t *rapid.T, s inventory.State, b books) {
	for sku := range maps.Keys(b.in) {
		l := s.Levels[sku]
		if l.OnHand != b.in[sku]-b.out[sku] || l.Reserved != b.held[sku] {
			t.Fatalf("%s: %+v, the books say in %d, out %d, held %d", sku, l, b.in[sku], b.out[sku], b.held[sku])
		}
		if l.Reserved < 0 || l.Available() < 0 {
			t.Fatalf("%s is oversold: %+v", sku, l)
		}
	}
	held := map[domain.SKU]int64{}
	for _, units := range s.Held {
		for _, u := range units {
			held[u.SKU] += u.Quantity
		}
	}
	for sku, l := range s.Levels {
		if held[sku] != l.Reserved {
			t.Fatalf("%s: orders hold %d, the level says %d", sku, held[sku], l.Reserved)
		}
	}
}

func checkSnapshot(t *rapid.T, s inventory.State) {
	data, err := inventory.EncodeSnapshot(s)
	if err != nil {
		t.Fatal(err)
	}
	back, err := inventory.DecodeSnapshot(data)
	if err != nil || !reflect.DeepEqual(back, s) {
		t.Fatalf("%v: the snapshot reads\n%+v\nnot\n%+v", err, back, s)
	}
}

// A copy and its original go their own ways.
func TestCloneIsApart(t *testing.T) {
	s := inventory.Decider.Fold(inventory.State{}, received, reserved)
	before, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	inventory.Decider.Fold(inventory.Decider.Copy(s), refused, committed, returned, adjusted)
	if after, err := json.Marshal(s); err != nil || string(after) != string(before) {
		t.Errorf("the original became\n%s\nfrom\n%s", after, before)
	}
}

// BenchmarkSnapshot is a warehouse that saw 100,000 orders.
func BenchmarkSnapshot(b *testing.B) {
	s := inventory.Decider.Fold(inventory.State{}, received)
	for i := range 100_000 {
		id := domain.NewOrderID("c", strconv.Itoa(i))
		s = inventory.Decider.Fold(s, inventory.Reserved{Order: id, Units: reserved.Units}, inventory.Committed{Order: id, Units: reserved.Units})
	}
	data, err := inventory.EncodeSnapshot(s)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("clone", func(b *testing.B) {
		for b.Loop() {
			inventory.Decider.Copy(s)
		}
	})
	b.Run("encode", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			if _, err := inventory.EncodeSnapshot(s); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			if _, err := inventory.DecodeSnapshot(data); err != nil {
				b.Fatal(err)
			}
		}
	})
}
