// Package dispatching books and cancels the parcels of orders. It is the only
// place that calls a carrier. A booking repeats safely under the order's key,
// so an answer that was lost is simply asked for again.
package dispatching

import (
	"context"
	"time"

	"orderflow/domain"
	"orderflow/domain/shipment"
)

// Booking asks for a parcel to be fetched. The key belongs to the order: a
// carrier that has seen it answers as it did before.
type Booking struct {
	Order     domain.OrderID
	Key       string
	Warehouse domain.Warehouse
	Units     int64
}

// Parcel is a carrier's word that it will come.
type Parcel struct {
	Tracking          string
	EstimatedDelivery time.Time
}

// Carrier is a shipping provider. Every method may be repeated with the same
// key and then has no second effect. Kinds of errors: Rejected (no, for good),
// Unavailable (not asked, no effect), Unknown (may have had its effect). A
// [Failure] inside gives the reason.
type Carrier interface {
	// Book asks for a parcel to be fetched.
	Book(ctx context.Context, b Booking) (Parcel, error)
	// Cancel makes sure that no parcel is or will be fetched under the key; it
	// is Rejected when the carrier already has the parcel.
	Cancel(ctx context.Context, key string) error
}

// Failure is the reason of a carrier's error, as recorded and counted.
type Failure struct{ Reason string } //nolint:errname // it is why a call failed, carried inside an error

func (f Failure) Error() string { return f.Reason }

// Carriers are the carriers that the saga can call, by the names that events record.
type Carriers struct {
	First string // of a new parcel
	Named map[string]Carrier
}

// OneCarrier returns the carriers of a saga that has one.
func OneCarrier(name string, c Carrier) Carriers {
	return Carriers{First: name, Named: map[string]Carrier{name: c}}
}

// of returns the carrier of a parcel: the one that was asked for it first, which alone
// knows its key. It is Unavailable if the process does not have that one.
func (c Carriers) of(id domain.OrderID, p shipment.State) (string, Carrier, error) {
	name := p.Carrier
	if name == "" {
		name = c.First
	}
	carrier, ok := c.Named[name]
	if !ok {
		return "", nil, domain.Errorf(domain.Unavailable, "The parcel of order %s was asked for at the carrier %q, which this process does not have; name it in --carriers.", id, name)
	}
	return name, carrier, nil
}
