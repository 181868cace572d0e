package retail

import (
	"orderflow/domain"
	"orderflow/domain/inventory"
	"orderflow/domain/order"
)

// outlook is the certainty whether an order's stock can be reserved.
type outlook int

const (
	unsure outlook = iota // depends on how earlier orders and returns end
	enough                // there is enough, even if every earlier order takes what it wants
	short                 // something is missing, even if none does and every return comes in
)

// bounds brackets the free stock of each SKU between two numbers, whatever
// becomes of the orders and returns that are still under way:
//
//	settled − takes  ≤  free stock  ≤  settled + gives
//
// An order whose outlook is not unsure ends the same in every interleaving, so
// it need not wait for anybody; and what was received for all is never unsure.
// See docs/adr/003.
type bounds struct {
	settled map[domain.SKU]int64 // as if only what has ended had happened
	takes   map[domain.SKU]int64 // wanted by orders under way
	gives   map[domain.SKU]int64 // brought by returns under way
}

func newBounds(settled map[domain.SKU]int64) bounds {
	return bounds{settled: settled, takes: map[domain.SKU]int64{}, gives: map[domain.SKU]int64{}}
}

func (b bounds) outlook(wants map[domain.SKU]int64) outlook {
	result := enough
	for sku, n := range wants {
		switch {
		case n > b.settled[sku]+b.gives[sku]:
			return short
		case n > b.settled[sku]-b.takes[sku]:
			result = unsure
		}
	}
	return result
}

// add changes levels by each of units, times sign.
func add(levels, units map[domain.SKU]int64, sign int64) {
	for sku, n := range units {
		levels[sku] += sign * n
	}
}

func wants(lines []order.Line) map[domain.SKU]int64 {
	sum := make(map[domain.SKU]int64, len(lines))
	for _, l := range lines {
		sum[l.SKU] += l.Quantity
	}
	return sum
}

// foreign adds to levels what e did to the free stock, unless it was for an
// order of this import: those are counted in the order of the file.
func foreign(levels map[domain.SKU]int64, e inventory.Event, ours func(domain.OrderID) bool) {
	change := func(units []inventory.Units, sign int64) {
		for _, u := range units {
			levels[u.SKU] += sign * u.Quantity
		}
	}
	switch e := e.(type) {
	case inventory.Received:
		change(e.Units, 1)
	case inventory.Adjusted:
		levels[e.SKU] += e.Delta
	case inventory.Reserved:
		if !ours(e.Order) {
			change(e.Units, -1)
		}
	case inventory.Released:
		if !ours(e.Order) {
			change(e.Units, 1)
		}
	case inventory.Returned:
		if !ours(e.Order) {
			change(e.Units, 1)
		}
	case inventory.Refused, inventory.Committed: // neither changes what is free
	}
}
