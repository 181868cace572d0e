// Package dispatching books and cancels the parcels of orders. It is the only
// place that calls a carrier. A booking repeats safely under the order's key,
// so an answer that was lost is simply asked for again.
package dispatching

import (
	"context"
	"time"

	"orderflow/domain"
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
