package projections

import (
	"testing"

	"pgregory.net/rapid"

	"orderflow/domain"
	"orderflow/readmodels"
)

// A row is never read as it was before: what is in memory is the newest, what
// is not in memory was written, and in the end everything is.
func TestARowInMemoryIsTheNewest(t *testing.T) {
	type row struct{ key, changes int }
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.SampledFrom([]int{MaxCachedWeight, 1}), 12, 12).Draw(t, "weights") // generations of a few rows
		rows := table[int, row]{weigh: func(r *row) int { return weights[r.key] }}
		stored, newest := map[int]row{}, map[int]row{}
		change := func(key int) {
			v := rows.get(key)
			if v == nil {
				before, ok := stored[key]
				if !ok {
					before = row{key: key}
				}
				v = rows.put(key, before)
			}
			if before := newest[key]; v.changes != before.changes {
				t.Fatalf("row %d is read as of change %d of %d", key, v.changes, before.changes)
			}
			rows.markDirty(key)
			v.changes++
			newest[key] = *v
		}
		write := func(changed []row) {
			for _, r := range changed {
				stored[r.key] = r
			}
		}
		for range rapid.IntRange(1, 400).Draw(t, "steps") {
			switch step := rapid.IntRange(0, len(weights)+1).Draw(t, "step"); step {
			case len(weights):
				write(rows.evictable(rows.older()))
			case len(weights) + 1:
				write(rows.dirty())
				rows.markWritten()
			default:
				change(step)
			}
		}
		write(rows.dirty())
		for key, want := range newest {
			if stored[key] != want {
				t.Fatalf("row %d was written as of change %d of %d", key, stored[key].changes, want.changes)
			}
		}
		unwritten := 0
		for _, r := range rows.dirty() {
			unwritten += weights[r.key]
		}
		if rows.unwritten != unwritten {
			t.Fatalf("%d is said to be unwritten, and %d is", rows.unwritten, unwritten)
		}
	})
}

// A store may need the order before what belongs to it, whatever changed first.
func TestNothingRestsBeforeItsOrder(t *testing.T) {
	u := newUnit(nil)
	for _, id := range []domain.OrderID{"a", "b", "c", "d"} {
		u.orders.put(id, readmodels.Order{ID: id})
		u.orders.markDirty(id)
	}
	for _, id := range []domain.OrderID{"d", "c", "b", "a"} {
		u.payments.put(id, readmodels.Payment{Order: id})
		u.payments.markDirty(id)
		u.fulfilments.put(id, readmodels.Fulfilment{Order: id})
		u.fulfilments.markDirty(id)
	}
	written := map[domain.OrderID]bool{}
	for _, rows := range []Rows{u.evictable(), u.dirty()} {
		if len(rows.Orders) != 2 || len(rows.Payments) != 2 || len(rows.Fulfilments) != 2 {
			t.Errorf("not half and half: %d orders, %d payments, %d fulfilments", len(rows.Orders), len(rows.Payments), len(rows.Fulfilments))
		}
		for _, o := range rows.Orders {
			written[o.ID] = true
		}
		for _, p := range rows.Payments {
			if !written[p.Order] {
				t.Errorf("the payment of %s was written before its order", p.Order)
			}
		}
		for _, f := range rows.Fulfilments {
			if !written[f.Order] {
				t.Errorf("the work on %s was written before the order", f.Order)
			}
		}
	}
}
