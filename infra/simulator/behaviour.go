package simulator

import (
	"errors"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"

	"orderflow/domain"
)

// Behaviour is the way a provider handles one call.
type Behaviour string

// The behaviours.
const (
	Work              Behaviour = "work"
	Decline           Behaviour = "decline"            // a capture or booking: no, for good; a void, refund or cancellation: no, this time
	InsufficientFunds Behaviour = "insufficient_funds" // a decline with that reason
	Hang              Behaviour = "hang"               // no effect and no reply until the caller gives up
	Fail              Behaviour = "fail"               // a 5xx before any effect, which the caller cannot know
	LoseReply         Behaviour = "lose_reply"         // the effect, and the connection breaks
	Late              Behaviour = "late"               // the effect, and a reply that takes Options.LateBy
	Twice             Behaviour = "twice"              // the request is delivered twice
	Unavailable       Behaviour = "unavailable"        // the connection is refused
)

// Behaviours returns all of them.
func Behaviours() []Behaviour {
	return []Behaviour{Work, Decline, InsufficientFunds, Hang, Fail, LoseReply, Late, Twice, Unavailable}
}

// Provider is one of the two kinds of provider that are simulated; see [Names].
type Provider string

// The providers.
const (
	Payment  Provider = "payment"
	Shipping Provider = "shipping"
)

// Op is an operation of a provider.
type Op string

// The operations: four of the gateway, two of the carrier.
const (
	Capture Op = "capture"
	Lookup  Op = "lookup"
	Void    Op = "void"
	Refund  Op = "refund"
	Book    Op = "book"
	Cancel  Op = "cancel"
)

func (op Op) provider() Provider {
	switch op {
	case Capture, Lookup, Void, Refund:
		return Payment
	case Book, Cancel:
		return Shipping
	}
	return ""
}

// Rates are the chances, 0 to 1 each and at most 1 together, that a call
// misbehaves. Decline concerns captures and bookings only: a compensation is
// refused by script alone, because no one can make it good.
type Rates struct {
	Decline, Hang, Fail, LoseReply, Late, Twice, Unavailable float64
}

func (r Rates) list() [7]chance {
	return [...]chance{
		{Decline, r.Decline},
		{Hang, r.Hang},
		{Fail, r.Fail},
		{LoseReply, r.LoseReply},
		{Late, r.Late},
		{Twice, r.Twice},
		{Unavailable, r.Unavailable},
	}
}

// NamedRates are the rates of the gateway and the carrier of one name.
type NamedRates struct{ Payment, Shipping Rates }

func (r NamedRates) of(p Provider) Rates {
	if p == Shipping {
		return r.Shipping
	}
	return r.Payment
}

func (r NamedRates) check() error {
	return errors.Join(r.Payment.check(Payment), r.Shipping.check(Shipping))
}

type chance struct {
	behaviour Behaviour
	rate      float64
}

func (r Rates) check(p Provider) error {
	sum := 0.0
	for _, c := range r.list() {
		if !(c.rate >= 0 && c.rate <= 1) {
			return domain.Errorf(domain.Invalid, "The %s rate of %s is %v; it must be within 0 and 1.", p, c.behaviour, c.rate)
		}
		sum += c.rate
	}
	if sum > 1 {
		return domain.Errorf(domain.Invalid, "The %s rates add up to %v; they must not exceed 1.", p, sum)
	}
	return nil
}

// draw returns the same behaviour for the same seed, operation, provider, key and
// attempt.
func (r Rates) draw(seed uint64, op Op, name, key string, attempt int) Behaviour {
	if r == (Rates{}) {
		return Work
	}
	h := fnv.New64a()
	h.Write([]byte(op))
	h.Write([]byte{0})
	h.Write([]byte(key))
	if name != Default {
		h.Write([]byte{0})
		h.Write([]byte(name))
	}
	at := rand.New(rand.NewPCG(seed, h.Sum64()+uint64(attempt)<<32)).Float64() //nolint:gosec // reproducible chance is the purpose
	for _, c := range r.list() {
		if at -= c.rate; at < 0 {
			if c.behaviour == Decline && op != Capture && op != Book {
				return Work
			}
			return c.behaviour
		}
	}
	return Work
}

// CheckOutage returns Invalid unless there are such a provider and behaviour.
func CheckOutage(p Provider, name string, b Behaviour) error {
	switch p {
	case Payment, Shipping:
	default:
		return domain.Errorf(domain.Invalid, "%q is no kind of provider; say %s or %s.", p, Payment, Shipping)
	}
	if !slices.Contains(Behaviours(), b) {
		return domain.Errorf(domain.Invalid, "%q is no behaviour; say one of %s.", b, Behaviours())
	}
	return CheckName(name)
}

// byToken reads a magic token; attempt counts from 1.
func byToken(token string, attempt int) (Behaviour, bool) {
	name, magic := strings.CutPrefix(token, "tok_")
	if !magic {
		return Work, false
	}
	name, once := strings.CutSuffix(name, "_once")
	switch b := Behaviour(name); b {
	case Decline, InsufficientFunds, Hang, Fail, LoseReply, Late, Twice, Unavailable:
		if once && attempt > 1 {
			return Work, true
		}
		return b, true
	case Work:
	}
	return Work, false
}

// byNumber reads the last four digits of an amount or of a number of units.
func byNumber(n int64) (Behaviour, bool) {
	switch n % 10_000 {
	case 9001:
		return Decline, true
	case 9002:
		return InsufficientFunds, true
	case 9003:
		return Hang, true
	case 9004:
		return Fail, true
	case 9005:
		return LoseReply, true
	case 9006:
		return Late, true
	case 9007:
		return Twice, true
	case 9008:
		return Unavailable, true
	}
	return Work, false
}
