package inventory

import (
	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// Sizes, about.
const (
	orderBytes = 64 // of what names the order
	unitsBytes = 48 // of one article
	usualUnits = 8  // articles for which there is room at first
)

// WritePlain implements [eventlog.PlainWriter].
func (e Reserved) WritePlain(w *eventlog.Plain) { writePlain(w, e.Order, e.Units) }

// WritePlain implements [eventlog.PlainWriter].
func (e Committed) WritePlain(w *eventlog.Plain) { writePlain(w, e.Order, e.Units) }

// writePlain writes the events that name an order and units and nothing else.
func writePlain(w *eventlog.Plain, order domain.OrderID, units []Units) {
	if units == nil {
		w.Odd()
		return
	}
	w.Room(orderBytes + unitsBytes*len(units))
	w.Raw(`{"order":`)
	w.Text(string(order))
	w.Raw(`,"units":[`)
	for i, u := range units {
		if i > 0 {
			w.Raw(`,`)
		}
		w.Raw(`{"sku":`)
		w.Text(string(u.SKU))
		w.Raw(`,"qty":`)
		w.Int(u.Quantity)
		w.Raw(`}`)
	}
	w.Raw(`]}`)
}

// readPlain reads what writePlain writes.
func readPlain(r *eventlog.PlainReader) (order domain.OrderID, units []Units) {
	r.Raw(`{"order":`)
	order = domain.OrderID(r.Text())
	r.Raw(`,"units":`)
	units = eventlog.PlainList(r, usualUnits, func(r *eventlog.PlainReader) (u Units) {
		r.Raw(`{"sku":`)
		u.SKU = domain.SKU(r.Text())
		r.Raw(`,"qty":`)
		u.Quantity = r.Int()
		r.Raw(`}`)
		return u
	})
	r.Raw(`}`)
	return order, units
}
