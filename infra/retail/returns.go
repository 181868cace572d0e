package retail

import (
	"cmp"
	"slices"

	"orderflow/domain"
	"orderflow/domain/order"
)

// sale is the units of one confirmed order that can be returned.
type sale struct {
	place int // of its invoice in the file
	order domain.OrderID
	lines []order.Line
	left  []int64 // units of each line not yet returned
}

// part is the share of one return in one order.
type part struct {
	order domain.OrderID
	lines []order.ReturnedLine // by line
	units map[domain.SKU]int64
}

// matching finds the orders that returned goods came from. It counts only what
// this import returned, so that a second run matches as the first did.
type matching map[domain.CustomerID][]*sale

// confirm makes an order's lines returnable.
func (m matching) confirm(customer domain.CustomerID, s *sale) {
	s.left = make([]int64, len(s.lines))
	for i, l := range s.lines {
		s.left[i] = l.Quantity
	}
	sales := m[customer]
	at, _ := slices.BinarySearchFunc(sales, s.place, func(a *sale, place int) int { return cmp.Compare(a.place, place) })
	m[customer] = slices.Insert(sales, at, s)
}

// match takes the rows of a return in turn: each goes to the customer's sales
// before place, newest first, lines in their order, until its units are used.
// It returns the parts in the order of the file, and the units that fit nowhere.
func (m matching) match(customer domain.CustomerID, place int, rows []order.Line) (parts []part, unmatched int64) {
	var sales []*sale // a return without a customer finds none
	if customer != "" {
		sales = m[customer]
	}
	found := map[*sale]map[int]int64{}
	for _, r := range rows {
		left := r.Quantity
		for _, s := range slices.Backward(sales) {
			if s.place < place && left > 0 {
				left -= s.take(r.SKU, left, found)
			}
		}
		unmatched += left
	}
	for _, s := range sales {
		if lines, ok := found[s]; ok {
			parts = append(parts, s.part(lines))
		}
	}
	return parts, unmatched
}

// take returns up to n units of a SKU and says how many it could.
func (s *sale) take(sku domain.SKU, n int64, found map[*sale]map[int]int64) (taken int64) {
	for i, l := range s.lines {
		k := min(n-taken, s.left[i])
		if l.SKU != sku || k == 0 {
			continue
		}
		if found[s] == nil {
			found[s] = map[int]int64{}
		}
		found[s][i] += k
		s.left[i] -= k
		taken += k
	}
	return taken
}

func (s *sale) part(lines map[int]int64) part {
	p := part{order: s.order, units: map[domain.SKU]int64{}}
	for i, l := range s.lines {
		if n := lines[i]; n > 0 {
			p.lines = append(p.lines, order.ReturnedLine{Line: i, Quantity: n})
			p.units[l.SKU] += n
		}
	}
	return p
}
