package projections

import (
	"strconv"
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
		rows := table[row]{view: readmodels.NewView[row](readmodels.Layout{Name: "rows"}), weigh: func(r *row) int { return weights[r.key] }, total: new(int)}
		stored, newest := map[int]row{}, map[int]row{}
		change := func(key int) {
			v := rows.get(strconv.Itoa(key))
			if v == nil {
				before, ok := stored[key]
				if !ok {
					before = row{key: key}
				}
				v = rows.put(strconv.Itoa(key), before)
			}
			if before := newest[key]; v.changes != before.changes {
				t.Fatalf("row %d is read as of change %d of %d", key, v.changes, before.changes)
			}
			rows.markDirty(strconv.Itoa(key))
			v.changes++
			newest[key] = *v
		}
		write := func(collect func(to *readmodels.Rows)) {
			var changed readmodels.Rows
			collect(&changed)
			for _, r := range rows.view.In(changed) {
				stored[r.key] = r
			}
		}
		for range rapid.IntRange(1, 400).Draw(t, "steps") {
			switch step := rapid.IntRange(0, len(weights)+1).Draw(t, "step"); step {
			case len(weights):
				write(rows.evict)
			case len(weights) + 1:
				write(rows.dirty)
				rows.markWritten()
			default:
				change(step)
			}
		}
		write(rows.dirty)
		for key, want := range newest {
			if stored[key] != want {
				t.Fatalf("row %d was written as of change %d of %d", key, stored[key].changes, want.changes)
			}
		}
		unwritten := 0
		for _, v := range rows.touched {
			unwritten += weights[v.key]
		}
		if rows.unwritten != unwritten || *rows.total != unwritten {
			t.Fatalf("%d is said to be unwritten, and %d is", rows.unwritten, unwritten)
		}
	})
}

// A store may need the order before what belongs to it, whatever changed first.
func TestNothingRestsBeforeItsOrder(t *testing.T) {
	g, err := GroupOf(Orders)
	if err != nil {
		t.Fatal(err)
	}
	u := newUnit(g, nil)
	orders, payments, fulfilments := rowsOf(u, readmodels.OrderView), rowsOf(u, readmodels.PaymentView), rowsOf(u, readmodels.FulfilmentView)
	for _, id := range []string{"a", "b", "c", "d"} {
		orders.put(id, readmodels.Order{ID: domain.OrderID(id)})
		orders.markDirty(id)
	}
	for _, id := range []string{"d", "c", "b", "a"} {
		payments.put(id, readmodels.Payment{Order: domain.OrderID(id)})
		payments.markDirty(id)
		fulfilments.put(id, readmodels.Fulfilment{Order: domain.OrderID(id)})
		fulfilments.markDirty(id)
	}
	written := map[domain.OrderID]bool{}
	for _, changed := range []readmodels.Rows{u.evictable(), u.dirty()} {
		o, p, f := readmodels.OrderView.In(changed), readmodels.PaymentView.In(changed), readmodels.FulfilmentView.In(changed)
		if len(o) != 2 || len(p) != 2 || len(f) != 2 {
			t.Errorf("not half and half: %d orders, %d payments, %d fulfilments", len(o), len(p), len(f))
		}
		for _, row := range o {
			written[row.ID] = true
		}
		for _, row := range p {
			if !written[row.Order] {
				t.Errorf("the payment of %s was written before its order", row.Order)
			}
		}
		for _, row := range f {
			if !written[row.Order] {
				t.Errorf("the work on %s was written before the order", row.Order)
			}
		}
	}
}
