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

// WriteJSONTo implements [eventlog.JSONWriterTo].
func (e Reserved) WriteJSONTo(w *eventlog.JSONWriter) { writeOrderUnits(w, e.Order, e.Units) }

// WriteJSONTo implements [eventlog.JSONWriterTo].
func (e Committed) WriteJSONTo(w *eventlog.JSONWriter) { writeOrderUnits(w, e.Order, e.Units) }

// writeOrderUnits writes an event that consists of an order and units.
func writeOrderUnits(w *eventlog.JSONWriter, order domain.OrderID, units []Units) {
	if units == nil {
		w.Fallback()
		return
	}
	w.Grow(orderBytes + unitsBytes*len(units))
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

// readOrderUnits reads what writeOrderUnits writes.
func readOrderUnits(r *eventlog.JSONReader) (order domain.OrderID, units []Units) {
	r.Raw(`{"order":`)
	order = domain.OrderID(r.Text())
	r.Raw(`,"units":`)
	units = eventlog.ReadJSONList(r, usualUnits, func(r *eventlog.JSONReader) (u Units) {
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
