package kafka

import (
	"context"
	"encoding/json"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/order"
	"orderflow/domain/payment"
	"orderflow/sagas"
)

// Headers of a message in the retry queue.
const (
	origin         = "origin"
	fallbackReason = "fallback-reason"

	originService      = "order-service"
	circuitBreakerOpen = "circuit-breaker-open"
	timeout            = "timeout"
)

// Priority is the class of an order in the retry queue.
type Priority string

// The priorities.
const (
	High   Priority = "HIGH" // premium customers
	Normal Priority = "NORMAL"
)

// Retry is the body of a message in the retry queue: an order whose payment
// could not be settled at once.
type Retry struct {
	Order       RetryOrder `json:"order"`
	Timestamp   time.Time  `json:"timestamp"`   // when it was put off
	RetryCount  int        `json:"retry_count"` // always 0: a payment that is put off again is another message
	Priority    Priority   `json:"priority"`
	Correlation string     `json:"correlation_id"`
}

// RetryOrder describes an order in the retry queue.
type RetryOrder struct {
	ID         domain.OrderID    `json:"id"`
	Customer   domain.CustomerID `json:"customer"`
	TotalMinor int64             `json:"total_minor"` // in minor units of the currency
	Currency   string            `json:"currency"`
	Lines      []order.Line      `json:"lines"`
}

// why returns the fallback reason of an event that puts a payment off; ok is false
// for every other event.
func why(r eventlog.Recorded) (reason string, ok bool) {
	if r.Type != (payment.Deferred{}).EventType() && r.Type != (payment.OutcomeUnknown{}).EventType() {
		return "", false
	}
	e, known, err := payment.Codec.Decode(r)
	if err != nil || !known {
		return "", false
	}
	switch e := e.(type) {
	case payment.Deferred:
		reason = e.Reason
	case payment.OutcomeUnknown:
		reason = e.Reason
	}
	switch {
	case reason == sagas.CircuitOpen && r.Type == (payment.Deferred{}).EventType():
		return circuitBreakerOpen, true
	case reason == timeout:
		return timeout, true
	}
	return "", false
}

// retry returns the message that an event puts into the retry queue; nil for most.
func (p *passing) retry(ctx context.Context, r eventlog.Recorded) (*message.Message, error) {
	reason, ok := why(r)
	if !ok {
		return nil, nil //nolint:nilnil // most events put nothing into the queue
	}
	id := domain.OrderID(r.Stream.ID())
	placed, found, err := p.placed(ctx, id)
	if domain.KindOf(err) == domain.Incomplete && err != nil { // one order; the others go on
		p.Kafka.config.Logger.ErrorContext(ctx, "a payment was put off of an order whose stream was truncated: it is not put into the retry queue; restore the events, and the saga retries the payment",
			"order", string(id), "position", int64(r.Position), "error", err)
		return nil, nil //nolint:nilnil // as above
	}
	if err != nil {
		return nil, logError{err}
	}
	if !found {
		p.Kafka.config.Logger.WarnContext(ctx, "a payment was deferred for an order that was never placed", "order", string(id), "position", int64(r.Position))
		return nil, nil //nolint:nilnil // as above
	}
	priority := Normal
	if p.Premium != nil && p.Premium(placed.Customer) {
		priority = High
	}
	correlation := r.Meta.Correlation
	if correlation == "" {
		correlation = string(id)
	}
	body, err := json.Marshal(Retry{
		Order:     RetryOrder{ID: id, Customer: placed.Customer, TotalMinor: placed.Total.Minor, Currency: string(placed.Total.Currency), Lines: placed.Lines},
		Timestamp: r.At.UTC(), Priority: priority, Correlation: correlation,
	})
	if err != nil {
		return nil, domain.Wrap(domain.Internal, err, "the retry of order %s cannot be written", id)
	}
	m := message.NewMessage("", body)
	m.Metadata.Set(contentType, jsonContent)
	m.Metadata.Set(origin, originService)
	m.Metadata.Set(fallbackReason, reason)
	if r.Meta.Trace != "" {
		m.Metadata.Set(traceparent, r.Meta.Trace)
	}
	SetKey(m, string(placed.Customer))
	return m, nil
}

// placed reads how an order was placed from its stream: the log is always
// ahead of the views.
func (p *passing) placed(ctx context.Context, id domain.OrderID) (placed order.Placed, found bool, err error) {
	for r, err := range p.Log.Read(ctx, order.Stream(id), 0) {
		if err != nil {
			return placed, false, err
		}
		e, known, err := order.Codec.Decode(r)
		if err != nil {
			return placed, false, err
		}
		if first, ok := e.(order.Placed); known && ok {
			return first, true, nil
		}
		return placed, false, nil
	}
	return placed, false, nil
}
