package httpapi

import (
	"context"
	"iter"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/fulfilment"
	"orderflow/domain/order"
	"orderflow/domain/payment"
	"orderflow/domain/shipment"
)

// streamsOf lists the streams that are about one order alone. Its stock is in
// its warehouse's stream, with that of all others.
func streamsOf(id domain.OrderID) []eventlog.Stream {
	return []eventlog.Stream{order.Stream(id), fulfilment.Stream(id), payment.Stream(id), shipment.Stream(id)}
}

// merged yields the events of several streams above a position in the order of
// the log. It reads no further than its caller; an error is the last thing it yields.
// gone is asked about each stream that reads as never begun, and may be nil.
func merged(ctx context.Context, log eventlog.Store, above eventlog.Position, gone func(eventlog.Stream) error, streams ...eventlog.Stream) iter.Seq2[eventlog.Recorded, error] {
	return func(yield func(eventlog.Recorded, error) bool) {
		heads := make([]head, 0, len(streams))
		for _, s := range streams {
			next, stop := iter.Pull2(log.Read(ctx, s, 0))
			defer stop()
			h := head{next: next}
			h.advance()
			if !h.ok && gone != nil {
				if err := gone(s); err != nil {
					yield(eventlog.Recorded{}, err)
					return
				}
			}
			for h.ok && h.err == nil && h.r.Position <= above {
				h.advance()
			}
			heads = append(heads, h)
		}
		for {
			first := -1
			for i, h := range heads {
				if h.ok && h.err != nil {
					yield(eventlog.Recorded{}, h.err)
					return
				}
				if h.ok && (first < 0 || h.r.Position < heads[first].r.Position) {
					first = i
				}
			}
			if first < 0 || !yield(heads[first].r, nil) {
				return
			}
			heads[first].advance()
		}
	}
}

// head is the next event of one stream.
type head struct {
	next func() (eventlog.Recorded, error, bool)
	r    eventlog.Recorded
	err  error
	ok   bool
}

func (h *head) advance() { h.r, h.err, h.ok = h.next() }
