package order

import (
	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// placedBytes is about how many bytes an order takes without its lines.
const placedBytes = 384

// WriteJSONTo implements [eventlog.JSONWriterTo].
func (p Placed) WriteJSONTo(w *eventlog.JSONWriter) {
	if p.Lines == nil {
		w.Fallback()
		return
	}
	w.Grow(placedBytes + lineBytes*len(p.Lines))
	w.Raw(`{"order":`)
	w.Text(string(p.Order))
	w.Raw(`,"customer":`)
	w.Text(string(p.Customer))
	w.Raw(`,"warehouse":`)
	w.Text(string(p.Warehouse))
	w.Raw(`,"lines":[`)
	for i, l := range p.Lines {
		if i > 0 {
			w.Raw(`,`)
		}
		l.writeJSONTo(w)
	}
	w.Raw(`],"total":{"minor":`)
	w.Int(p.Total.Minor)
	w.Raw(`,"currency":`)
	w.Text(p.Total.Currency)
	w.Raw(`},"payment_token":`)
	w.Text(p.PaymentToken)
	w.Raw(`,"fingerprint":`)
	w.Text(p.Fingerprint)
	w.Raw(`,"placed_at":`)
	w.Time(p.PlacedAt)
	w.Raw(`,"origin":`)
	w.Text(p.Origin)
	w.Raw(`}`)
}

// readPlaced reads what WriteJSONTo writes.
func readPlaced(r *eventlog.JSONReader) Event {
	var p Placed
	r.Raw(`{"order":`)
	p.Order = domain.OrderID(r.Text())
	r.Raw(`,"customer":`)
	p.Customer = domain.CustomerID(r.Text())
	r.Raw(`,"warehouse":`)
	p.Warehouse = domain.Warehouse(r.Text())
	r.Raw(`,"lines":`)
	p.Lines = eventlog.ReadJSONList(r, usualLines, readLine)
	r.Raw(`,"total":{"minor":`)
	p.Total.Minor = r.Int()
	r.Raw(`,"currency":`)
	p.Total.Currency = r.Text()
	r.Raw(`},"payment_token":`)
	p.PaymentToken = r.Text()
	r.Raw(`,"fingerprint":`)
	p.Fingerprint = r.Text()
	r.Raw(`,"placed_at":`)
	p.PlacedAt = r.Time()
	r.Raw(`,"origin":`)
	p.Origin = r.Text()
	r.Raw(`}`)
	return p
}
