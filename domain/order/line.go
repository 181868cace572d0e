package order

import (
	"orderflow/domain"
	"orderflow/domain/eventlog"
)

const (
	// lineBytes is about how many bytes a line takes as JSON.
	lineBytes = 96
	// usualLines is for how many lines there is room at first.
	usualLines = 8
)

// Line is one article, how many of it, and the price of one.
type Line struct {
	SKU        domain.SKU `json:"sku"`
	Name       string     `json:"name,omitempty"`
	Quantity   int64      `json:"qty"`         // units, 1 to domain.MaxQuantity
	PriceMinor int64      `json:"price_minor"` // of one unit, in minor units of the order's currency
}

// writeJSONTo writes the line as a part of [Placed].
func (l Line) writeJSONTo(w *eventlog.JSONWriter) {
	w.Raw(`{"sku":`)
	w.Text(string(l.SKU))
	if l.Name != "" {
		w.Raw(`,"name":`)
		w.Text(l.Name)
	}
	w.Raw(`,"qty":`)
	w.Int(l.Quantity)
	w.Raw(`,"price_minor":`)
	w.Int(l.PriceMinor)
	w.Raw(`}`)
}

// readLine reads what writeJSONTo writes.
func readLine(r *eventlog.JSONReader) (l Line) {
	r.Raw(`{"sku":`)
	l.SKU = domain.SKU(r.Text())
	if r.Next(`,"name":`) {
		l.Name = r.Text()
	}
	r.Raw(`,"qty":`)
	l.Quantity = r.Int()
	r.Raw(`,"price_minor":`)
	l.PriceMinor = r.Int()
	r.Raw(`}`)
	return l
}
