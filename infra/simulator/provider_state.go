package simulator

import (
	"crypto/sha256"
	"fmt"
	"hash/fnv"
	"io"
	"math"

	"orderflow/domain"
)

// digest stands for a key: a provider that has served a million orders
// remembers 16 bytes of each key instead of the key.
type digest [16]byte

func digestOf(key string) digest {
	sum := sha256.Sum256([]byte(key))
	return digest(sum[:16])
}

// fingerprint returns a hash of the fields that a repeated request must not change,
// besides its amount.
func fingerprint(parts ...string) uint32 {
	h := fnv.New32a()
	for _, p := range parts {
		_, _ = io.WriteString(h, p)
		_, _ = h.Write([]byte{0xff}) // no byte of a name, which is UTF-8
	}
	return h.Sum32()
}

// keyStatus is the provider's decision on an idempotency key.
type keyStatus uint8

const (
	open              keyStatus = iota // nothing yet
	done                               // captured or booked
	declined                           // for good
	insufficientFunds                  // declined: insufficient funds
	undone                             // voided or cancelled; before the effect it is a tombstone
)

// charge, refund and booking are kept small: there is one of each per order,
// for ever. Calls count the rows of a key per operation and stay at 255.
type charge struct {
	minor, refunded int64
	fingerprint     uint32
	currency        uint16
	status          keyStatus
	captures        uint8
	lookups         uint8
	voids           uint8
}

type refund struct {
	minor       int64
	fingerprint uint32
	currency    uint16
	made        bool
	refunds     uint8
}

type booking struct {
	booked      int64 // Unix seconds
	units       int64
	fingerprint uint32
	status      keyStatus
	books       uint8
	cancels     uint8
}

// providerState is the providers' own state, rebuilt from the ledger. Its methods are
// the rules: each takes a row as requested, sets Effective and Result, and returns
// the refusal, if any.
type providerState struct {
	charges    map[digest]charge
	refunds    map[digest]refund
	bookings   map[digest]booking
	currencies []string // a charge holds an index
}

func newProviderState() *providerState {
	return &providerState{charges: map[digest]charge{}, refunds: map[digest]refund{}, bookings: map[digest]booking{}}
}

// refusal is a provider's rejection, before it becomes an error of the port.
type refusal struct {
	kind   domain.Kind
	reason string
}

func (f *refusal) Error() string { return f.reason }

func reject(row *Row, reason string) *refusal {
	row.Result = reason
	return &refusal{kind: domain.Rejected, reason: reason}
}

func accept(row *Row, result string, effective bool) *refusal {
	row.Result, row.Effective = result, effective
	return nil
}

func (b *providerState) capture(row *Row, how Behaviour) *refusal {
	key, c := b.charge(row.Key)
	mark := fingerprint(string(row.Order), row.Token)
	if row.Amount.Minor <= 0 || domain.CheckCurrency(row.Amount.Currency) != nil {
		return reject(row, "invalid_amount")
	}
	currency := b.currency(row.Amount.Currency)
	if (c.status == done || c.status == declined || c.status == insufficientFunds) &&
		(c.minor != row.Amount.Minor || c.currency != currency || c.fingerprint != mark) {
		return reject(row, "idempotency_mismatch")
	}
	switch c.status {
	case done:
		return accept(row, "repeated", false)
	case declined:
		return reject(row, "card_declined")
	case insufficientFunds:
		return reject(row, "insufficient_funds")
	case undone:
		return reject(row, "voided")
	case open:
	}
	c.minor, c.currency, c.fingerprint = row.Amount.Minor, currency, mark
	c.status = keyStatusOf(how)
	b.charges[key] = c
	switch c.status {
	case declined:
		return reject(row, "card_declined")
	case insufficientFunds:
		return reject(row, "insufficient_funds")
	case open, done, undone:
	}
	return accept(row, "captured", true)
}

func keyStatusOf(how Behaviour) keyStatus {
	switch how {
	case Decline:
		return declined
	case InsufficientFunds:
		return insufficientFunds
	case Work, Hang, Fail, LoseReply, Late, Twice, Unavailable:
	}
	return done
}

// lookup answers with the amount that was captured.
func (b *providerState) lookup(row *Row) *refusal {
	_, c := b.charge(row.Key)
	switch c.status {
	case done:
		row.Amount = domain.Money{Minor: c.minor, Currency: b.currencies[c.currency]}
		return accept(row, "found", false)
	case declined:
		return reject(row, "card_declined")
	case insufficientFunds:
		return reject(row, "insufficient_funds")
	case undone:
		return reject(row, "voided")
	case open:
	}
	row.Result = "unknown_key"
	return &refusal{kind: domain.NotFound, reason: row.Result}
}

func (b *providerState) void(row *Row, how Behaviour) *refusal {
	key, c := b.charge(row.Key)
	switch {
	case c.status == done:
		return reject(row, "already_captured")
	case c.status == undone:
		return accept(row, "repeated", false)
	case how == Decline, how == InsufficientFunds:
		return reject(row, "void_refused")
	}
	c.status = undone
	b.charges[key] = c
	return accept(row, "voided", true)
}

func (b *providerState) refund(row *Row, how Behaviour) *refusal {
	key, back := digestOf(row.Key), refund{}
	if known, ok := b.refunds[key]; ok {
		back = known
	}
	mark := fingerprint(string(row.Order), row.Of)
	if row.Amount.Minor <= 0 || domain.CheckCurrency(row.Amount.Currency) != nil {
		return reject(row, "invalid_amount")
	}
	currency := b.currency(row.Amount.Currency)
	if back.made {
		if back.minor != row.Amount.Minor || back.currency != currency || back.fingerprint != mark {
			return reject(row, "idempotency_mismatch")
		}
		return accept(row, "repeated", false)
	}
	of, c := b.charge(row.Of)
	switch {
	case c.status == open:
		row.Result = "unknown_key"
		return &refusal{kind: domain.NotFound, reason: row.Result}
	case c.status != done:
		return reject(row, "not_captured")
	case c.currency != currency:
		return reject(row, "currency_mismatch")
	case row.Amount.Minor > c.minor-c.refunded:
		return reject(row, "exceeds_capture")
	case how == Decline, how == InsufficientFunds:
		return reject(row, "refund_refused")
	}
	c.refunded += row.Amount.Minor
	b.charges[of] = c
	back.minor, back.currency, back.fingerprint, back.made = row.Amount.Minor, currency, mark, true
	b.refunds[key] = back
	return accept(row, "refunded", true)
}

func (b *providerState) book(row *Row, how Behaviour) *refusal {
	key := digestOf(row.Key)
	p := b.bookings[key]
	mark := fingerprint(string(row.Order), string(row.Warehouse))
	if row.Units <= 0 {
		return reject(row, "invalid_units")
	}
	if (p.status == done || p.status == declined) && (p.units != row.Units || p.fingerprint != mark) {
		return reject(row, "idempotency_mismatch")
	}
	switch p.status {
	case done:
		return accept(row, "repeated", false)
	case declined, insufficientFunds:
		return reject(row, "undeliverable")
	case undone:
		return reject(row, "canceled")
	case open:
	}
	p.units, p.fingerprint, p.booked, p.status = row.Units, mark, row.Time.Unix(), done
	if how == Decline || how == InsufficientFunds {
		p.status = declined
	}
	b.bookings[key] = p
	if p.status == declined {
		return reject(row, "undeliverable")
	}
	return accept(row, "booked", true)
}

func (b *providerState) cancel(row *Row, how Behaviour) *refusal {
	key := digestOf(row.Key)
	p := b.bookings[key]
	switch {
	case p.status == undone:
		return accept(row, "repeated", false)
	case how == Decline, how == InsufficientFunds:
		return reject(row, "already_collected")
	}
	p.status = undone
	b.bookings[key] = p
	return accept(row, "canceled", true)
}

func (b *providerState) apply(row *Row, how Behaviour) *refusal {
	switch row.Op {
	case Capture:
		return b.capture(row, how)
	case Lookup:
		return b.lookup(row)
	case Void:
		return b.void(row, how)
	case Refund:
		return b.refund(row, how)
	case Book:
		return b.book(row, how)
	case Cancel:
		return b.cancel(row, how)
	}
	return reject(row, "unknown_operation")
}

// replay applies a row of the ledger and refuses one that the rules could not
// have written: a second capture, a refund beyond the capture.
func (b *providerState) replay(row Row) error {
	again, how := row, Work
	switch row.Result {
	case "hung", "server_error", "unavailable":
		b.count(row)
		return nil
	case "card_declined", "void_refused", "refund_refused", "undeliverable", "already_collected":
		how = Decline
	case "insufficient_funds":
		how = InsufficientFunds
	}
	b.count(row)
	_ = b.apply(&again, how) // a refusal is a result as well, and compared below
	if again.Result != row.Result || again.Effective != row.Effective {
		return fmt.Errorf("%s %s is recorded as %q (effective %t) where the rows before it allow only %q (effective %t)",
			row.Op, row.Key, row.Result, row.Effective, again.Result, again.Effective)
	}
	return nil
}

// count notes the row as an attempt and returns which it is, from 1.
func (b *providerState) count(row Row) int {
	key := digestOf(row.Key)
	switch row.Op {
	case Capture, Lookup, Void:
		c := b.charges[key]
		defer func() { b.charges[key] = c }()
		switch row.Op { //nolint:exhaustive // the three of the case around it
		case Capture:
			return countUp(&c.captures)
		case Lookup:
			return countUp(&c.lookups)
		}
		return countUp(&c.voids)
	case Refund:
		r := b.refunds[key]
		defer func() { b.refunds[key] = r }()
		return countUp(&r.refunds)
	case Book, Cancel:
		p := b.bookings[key]
		defer func() { b.bookings[key] = p }()
		if row.Op == Book {
			return countUp(&p.books)
		}
		return countUp(&p.cancels)
	}
	return 0
}

func countUp(n *uint8) int {
	if *n < math.MaxUint8 {
		*n++
	}
	return int(*n)
}

func (b *providerState) charge(key string) (digest, charge) {
	d := digestOf(key)
	return d, b.charges[d]
}

// currency interns the code; there are at most 26³ of them, which 16 bits hold.
func (b *providerState) currency(code string) uint16 {
	for i, known := range b.currencies {
		if known == code {
			return uint16(i) //nolint:gosec // fewer than 26³
		}
	}
	b.currencies = append(b.currencies, code)
	return uint16(len(b.currencies) - 1) //nolint:gosec // fewer than 26³
}
