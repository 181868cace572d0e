package retail

import (
	"cmp"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/fulfilment"
	"orderflow/domain/order"
	"orderflow/domain/payment"
)

// categories returns the streams that tell how the orders of an import fare.
func categories() []string {
	return []string{order.Category, fulfilment.Category, payment.Category}
}

// orderProgress is the state of one order, folded from the log.
type orderProgress struct {
	status    order.Status
	reason    domain.Reason
	total     int64 // in minor units
	lines     int
	confirmed bool            // was once; a cancellation does not change that
	done      bool            // nothing of the fulfilment is under way but returns
	returns   map[string]bool // by id: whether goods and money are where they belong
	attention string          // the step for which a person must look; "" if none

	captured, refunded int64 // in minor units
	returned           int64 // units
}

// orderStates folds the log into how the orders of one file stand.
type orderStates map[domain.OrderID]*orderProgress

// see takes the next event of the log and returns the order it moved, if that
// is of the file.
func (l orderStates) see(r eventlog.Recorded) (domain.OrderID, error) {
	id := domain.OrderID(r.Stream.ID())
	s, ours := l[id]
	if !ours {
		return "", nil
	}
	var err error
	switch r.Stream.Category() {
	case order.Category:
		err = decode(order.Codec, r, s.seeOrder)
	case fulfilment.Category:
		err = decode(fulfilment.Codec, r, s.seeFulfilment)
	case payment.Category:
		err = decode(payment.Codec, r, s.seePayment)
	}
	return id, err
}

func decode[E eventlog.Typed](codec eventlog.Codec[E], r eventlog.Recorded, see func(E) error) error {
	e, ok, err := codec.Decode(r)
	if ok {
		return see(e)
	}
	return err
}

func (s *orderProgress) seeOrder(e order.Event) error {
	switch e := e.(type) {
	case order.Placed:
		s.status, s.total, s.lines = order.StatusPlaced, e.Total.Minor, len(e.Lines)
	case order.Confirmed:
		s.status, s.confirmed = order.StatusConfirmed, true
	case order.Rejected:
		s.status, s.reason = order.StatusRejected, e.Reason
	case order.CancelRequested:
		s.status, s.done = order.StatusCancelling, false
	case order.Cancelled:
		s.status, s.reason = order.StatusCancelled, e.Reason
	case order.LinesReturned:
		s.noteReturn(e.Return, false)
		for _, l := range e.Lines {
			s.returned += l.Quantity // never more than was sold
		}
	default:
		return errUncounted(e)
	}
	return nil
}

func (s *orderProgress) noteReturn(id string, settled bool) {
	if s.returns == nil {
		s.returns = map[string]bool{}
	}
	s.returns[id] = settled
}

func (s *orderProgress) seeFulfilment(e fulfilment.Event) error {
	switch e := e.(type) {
	case fulfilment.Completed, fulfilment.Reverted:
		s.done = true
	case fulfilment.ReturnSettled:
		s.noteReturn(e.Return, true)
	case fulfilment.NeedsAttention:
		s.attention = e.Step
	case fulfilment.Resumed:
		s.attention = ""
	case fulfilment.StockReserved, fulfilment.PaymentRequested, fulfilment.PaymentSettled, fulfilment.ShipmentRequested,
		fulfilment.ShipmentBooked, fulfilment.Reverting, fulfilment.ShipmentCancelled, fulfilment.PaymentReverted,
		fulfilment.StockReleased, fulfilment.ReturnAccepted: // steps on the way
	default:
		return errUncounted(e)
	}
	return nil
}

func (s *orderProgress) seePayment(e payment.Event) (err error) {
	switch e := e.(type) {
	case payment.Captured:
		s.captured, err = domain.Sum(s.captured, e.Amount.Minor)
	case payment.Refunded:
		s.refunded, err = domain.Sum(s.refunded, e.Amount.Minor)
	case payment.AttemptStarted, payment.Declined, payment.OutcomeUnknown, payment.Deferred, payment.Voided,
		payment.VoidDeferred, payment.RefundStarted, payment.RefundDeferred, payment.RefundFailed, payment.Claimed: // no money moved
	default:
		return errUncounted(e)
	}
	return err
}

// errUncounted refuses an event that the sums of an import do not know.
func errUncounted(e eventlog.Typed) error {
	return domain.Errorf(domain.Internal, "the event %s is not in the sums of an import; name it in order_states.go", e.EventType())
}

// Report is what an import comes to: the file's orders as they stand at the
// end, whether this run or one before placed them.
type Report struct {
	Rows             int              `json:"rows"`
	OrdersPlaced     int              `json:"orders_placed"`
	OrdersConfirmed  int              `json:"orders_confirmed"`
	OrdersOutOfStock int              `json:"orders_out_of_stock"`
	EmptyInvoices    int              `json:"empty_invoices"`
	Refused          map[Refusal]int  `json:"refused"`         // rows by reason
	Captured         map[string]int64 `json:"captured_minor"`  // by currency
	Refunded         map[string]int64 `json:"refunded_minor"`  // by currency
	ReturnedUnits    int64            `json:"returned_units"`  // that came back on a sale
	UnmatchedUnits   int64            `json:"unmatched_units"` // that no sale of the customer explains
}

// report adds up the orders of a file; a sum that does not fit is Exhausted,
// and everything stands imported all the same.
func (l orderStates) report(h History, unmatched int64) (Report, error) {
	r := Report{
		Rows: h.Rows, EmptyInvoices: h.Empty, Refused: h.Refused, UnmatchedUnits: unmatched,
		Captured: map[string]int64{Currency: 0}, Refunded: map[string]int64{Currency: 0},
	}
	for _, s := range l {
		if s.status != order.StatusNew {
			r.OrdersPlaced++
		}
		switch {
		case s.status == order.StatusConfirmed:
			r.OrdersConfirmed++
		case s.status == order.StatusRejected && s.reason == domain.OutOfStock:
			r.OrdersOutOfStock++
		}
		returned, err := domain.Sum(r.ReturnedUnits, s.returned)
		if err := cmp.Or(err, domain.Accumulate(r.Captured, Currency, s.captured), domain.Accumulate(r.Refunded, Currency, s.refunded)); err != nil {
			return Report{}, domain.Wrap(domain.Exhausted, err, "Everything was imported, and comes to more than can be told")
		}
		r.ReturnedUnits = returned
	}
	return r, nil
}
