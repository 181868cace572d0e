package order

import (
	"fmt"
	"slices"
	"time"

	"orderflow/domain"
	"orderflow/domain/decider"
)

// Decision is about one order.
type Decision = decider.Decision[State, Event]

// Place places an order. A repeat of the request returns no events; another request
// under the same key, recognised by its fingerprint, is a Mismatch.
func Place(p Placed) Decision {
	return func(s State) ([]Event, error) {
		if s.Status != StatusNew {
			if s.Fingerprint != p.Fingerprint {
				return nil, domain.Errorf(domain.Mismatch, "This Idempotency-Key was used for another order.")
			}
			return nil, nil
		}
		total, err := Total(p.Lines, p.Total.Currency)
		if err != nil {
			return nil, err
		}
		if err := check(p); err != nil {
			return nil, err
		}
		p.Total = total
		return []Event{p}, nil
	}
}

func check(p Placed) error {
	if err := domain.CheckName("The order's id", string(p.Order)); err != nil {
		return err
	}
	if err := domain.CheckName("The customer", string(p.Customer)); err != nil {
		return err
	}
	if err := domain.CheckName("The warehouse", string(p.Warehouse)); err != nil {
		return err
	}
	if err := domain.CheckName("The payment token", p.PaymentToken); err != nil {
		return err
	}
	for _, l := range p.Lines {
		if err := domain.CheckName("The SKU", string(l.SKU)); err != nil {
			return err
		}
		if err := domain.CheckText("The name of "+string(l.SKU), l.Name); err != nil {
			return err
		}
	}
	return nil
}

// Total adds up lines; it refuses too few or too many of them, quantities
// outside 1 to domain.MaxQuantity, prices outside 0 to domain.MaxPriceMinor and
// sums above domain.MaxTotalMinor.
func Total(lines []Line, currency string) (domain.Money, error) {
	if len(lines) == 0 || len(lines) > domain.MaxLines {
		return domain.Money{}, domain.Errorf(domain.Invalid, "An order has 1 to %d lines, not %d.", domain.MaxLines, len(lines))
	}
	if err := domain.CheckCurrency(currency); err != nil {
		return domain.Money{}, err
	}
	total := domain.Money{Currency: currency}
	for i, l := range lines {
		if l.Quantity < 1 || l.Quantity > domain.MaxQuantity {
			return domain.Money{}, domain.Errorf(domain.Invalid, "Line %d asks for %d units of %s; 1 to %d are allowed.", i, l.Quantity, l.SKU, domain.MaxQuantity)
		}
		price := domain.Money{Minor: l.PriceMinor, Currency: currency}
		if l.PriceMinor < 0 || l.PriceMinor > domain.MaxPriceMinor {
			return domain.Money{}, domain.CheckPrice(fmt.Sprintf("The price of line %d", i), price)
		}
		line, err := price.Mul(l.Quantity)
		if err != nil {
			return domain.Money{}, err
		}
		if total, err = total.Add(line); err != nil {
			return domain.Money{}, err
		}
		if err := domain.CheckTotal("The order's total", total); err != nil {
			return domain.Money{}, err
		}
	}
	return total, nil
}

// Confirm records that stock, payment and a parcel are secured. An order that
// is being cancelled refuses it, and the saga compensates instead.
func Confirm(c Confirmed) Decision {
	return func(s State) ([]Event, error) {
		switch s.Status {
		case StatusConfirmed:
			return nil, nil
		case StatusPlaced:
			return []Event{c}, nil
		case StatusNew:
			return nil, errAbsent()
		case StatusRejected, StatusCancelling, StatusCancelled:
		}
		return nil, domain.Errorf(domain.Rejected, "The order is %s and cannot be confirmed.", s.Status)
	}
}

// Reject ends an order that could not be fulfilled.
func Reject(reason domain.Reason, detail string) Decision {
	return func(s State) ([]Event, error) {
		switch s.Status {
		case StatusRejected:
			return nil, nil
		case StatusPlaced:
			return []Event{Rejected{Reason: reason, Detail: detail}}, nil
		case StatusNew:
			return nil, errAbsent()
		case StatusConfirmed, StatusCancelling, StatusCancelled:
		}
		return nil, domain.Errorf(domain.Rejected, "The order is %s and cannot be rejected.", s.Status)
	}
}

// RequestCancel requests the cancellation of an order. An order with returns cannot be
// cancelled, only returned further.
func RequestCancel(reason domain.Reason, detail string) Decision {
	return func(s State) ([]Event, error) {
		switch s.Status {
		case StatusCancelling, StatusCancelled:
			return nil, nil
		case StatusPlaced, StatusConfirmed:
			if len(s.Returns) > 0 {
				return nil, domain.Errorf(domain.Rejected, "Lines of this order were returned already; return the rest instead.")
			}
			if err := domain.CheckText("The reason", detail); err != nil {
				return nil, err
			}
			return []Event{CancelRequested{Reason: reason, Detail: detail}}, nil
		case StatusNew:
			return nil, errAbsent()
		case StatusRejected:
		}
		return nil, domain.Errorf(domain.Rejected, "The order was rejected; there is nothing to cancel.")
	}
}

// Cancel records that a cancelled order has been compensated.
func Cancel() Decision {
	return func(s State) ([]Event, error) {
		switch s.Status {
		case StatusCancelled:
			return nil, nil
		case StatusCancelling:
			return []Event{Cancelled{Reason: s.Reason}}, nil
		case StatusNew:
			return nil, errAbsent()
		case StatusPlaced, StatusConfirmed, StatusRejected:
		}
		return nil, domain.Errorf(domain.Rejected, "No cancellation was requested for this order.")
	}
}

// ReturnLines takes goods back. The same return id again is no news; with
// other lines it is a Mismatch. Refund is each line's own price.
func ReturnLines(id string, lines []ReturnedLine, at time.Time) Decision {
	return func(s State) ([]Event, error) {
		if r, ok := s.Return(id); ok {
			if !slices.Equal(r.Lines, lines) {
				return nil, domain.Errorf(domain.Mismatch, "Return %q was made with other lines.", id)
			}
			return nil, nil
		}
		switch s.Status {
		case StatusNew:
			return nil, errAbsent()
		case StatusConfirmed:
		case StatusPlaced, StatusRejected, StatusCancelling, StatusCancelled:
			return nil, domain.Errorf(domain.Rejected, "The order is %s; only a confirmed order takes returns.", s.Status)
		}
		if err := domain.CheckName("The return's id", id); err != nil {
			return nil, err
		}
		refund, err := s.refund(lines)
		if err != nil {
			return nil, err
		}
		return []Event{LinesReturned{Return: id, Lines: lines, Refund: refund, ReturnedAt: at}}, nil
	}
}

func (s State) refund(lines []ReturnedLine) (domain.Money, error) {
	if len(lines) == 0 || len(lines) > domain.MaxLines {
		return domain.Money{}, domain.Errorf(domain.Invalid, "A return has 1 to %d lines, not %d.", domain.MaxLines, len(lines))
	}
	sum, seen := domain.Money{Currency: s.Total.Currency}, make(map[int]bool, len(lines))
	for _, l := range lines {
		switch {
		case l.Line < 0 || l.Line >= len(s.Lines):
			return domain.Money{}, domain.Errorf(domain.Invalid, "The order has no line %d; lines count from 0.", l.Line)
		case seen[l.Line]:
			return domain.Money{}, domain.Errorf(domain.Invalid, "Line %d is named twice.", l.Line)
		case l.Quantity < 1:
			return domain.Money{}, domain.Errorf(domain.Invalid, "Line %d returns %d units; at least 1 is needed.", l.Line, l.Quantity)
		case l.Quantity > s.Returnable(l.Line):
			return domain.Money{}, domain.Errorf(domain.Rejected, "Line %d has %d units left to return, not %d.", l.Line, s.Returnable(l.Line), l.Quantity)
		}
		seen[l.Line] = true
		part, err := domain.Money{Minor: s.Lines[l.Line].PriceMinor, Currency: s.Total.Currency}.Mul(l.Quantity)
		if err != nil {
			return domain.Money{}, err
		}
		if sum, err = sum.Add(part); err != nil {
			return domain.Money{}, err
		}
		// Only an order from before the limit can come here; it is returned in parts.
		if err := domain.CheckTotal("The refund", sum); err != nil {
			return domain.Money{}, err
		}
	}
	return sum, nil
}

func errAbsent() error { return domain.Errorf(domain.NotFound, "There is no such order.") }
