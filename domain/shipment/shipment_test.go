package shipment_test

import (
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/decider/decidertest"
	"orderflow/domain/eventlog/eventlogtest"
	"orderflow/domain/shipment"
)

var (
	soon = time.Date(2026, 3, 1, 12, 0, 5, 0, time.UTC)

	booked     = shipment.Booked{Carrier: "sim", Tracking: "trk_1", EstimatedDelivery: soon}
	refused    = shipment.Refused{Carrier: "sim", Reason: "too_heavy"}
	deferred   = shipment.Deferred{Carrier: "sim", Reason: "circuit_open", RetryAt: soon}
	undoing    = shipment.Deferred{Carrier: "sim", Reason: "timeout", RetryAt: soon, Compensating: true}
	cancelled  = shipment.Cancelled{Reason: "reverted"}
	dispatched = shipment.Dispatched{}
	delivered  = shipment.Delivered{}
)

// The lives a parcel can have led, by the status they end in.
var lives = map[shipment.Status][]shipment.Event{
	shipment.StatusNone:       nil,
	shipment.StatusDeferred:   {deferred},
	shipment.StatusBooked:     {deferred, booked},
	shipment.StatusRefused:    {refused},
	shipment.StatusCancelled:  {booked, cancelled},
	shipment.StatusDispatched: {booked, dispatched},
	shipment.StatusDelivered:  {booked, dispatched, delivered},
}

func given(t *testing.T, events ...shipment.Event) *decidertest.Scenario[shipment.State, shipment.Event] {
	return decidertest.For(t, shipment.Decider).Given(events...)
}

func TestEveryDecisionInEveryStatus(t *testing.T) {
	const none, event = domain.Kind(99), domain.Kind(98)
	type in = map[shipment.Status]domain.Kind // Rejected unless given
	for _, tc := range []struct {
		name   string
		decide shipment.Decision
		event  shipment.Event
		in     in
	}{
		{"book", shipment.Book(booked), booked, in{
			shipment.StatusNone: event, shipment.StatusDeferred: event, shipment.StatusBooked: none, shipment.StatusDispatched: none, shipment.StatusDelivered: none,
		}},
		{"refuse", shipment.Refuse("sim", "too_heavy"), refused, in{
			shipment.StatusNone: event, shipment.StatusDeferred: event, shipment.StatusRefused: none,
		}},
		{"defer", shipment.Defer(deferred), deferred, in{
			shipment.StatusNone: event, shipment.StatusBooked: event, shipment.StatusDeferred: none,
			shipment.StatusRefused: none, shipment.StatusCancelled: none, shipment.StatusDispatched: none, shipment.StatusDelivered: none,
		}},
		{"cancel", shipment.Cancel("reverted"), cancelled, in{
			shipment.StatusNone: event, shipment.StatusDeferred: event, shipment.StatusBooked: event, shipment.StatusRefused: event, shipment.StatusCancelled: none,
		}},
		{"dispatch", shipment.Dispatch(), dispatched, in{
			shipment.StatusBooked: event, shipment.StatusDispatched: none, shipment.StatusDelivered: none,
		}},
		{"deliver", shipment.Deliver(), delivered, in{shipment.StatusDispatched: event, shipment.StatusDelivered: none}},
	} {
		for status, life := range lives {
			t.Run(tc.name+" when "+string(status), func(t *testing.T) {
				when := given(t, life...).When(tc.decide)
				switch kind, ok := tc.in[status]; {
				case !ok:
					when.ThenFails(domain.Rejected)
				case kind == event:
					when.Then(tc.event)
				default:
					when.Then()
				}
			})
		}
	}
}

func TestDeferringOn(t *testing.T) {
	more := shipment.Deferred{Carrier: "sim", Reason: "timeout", RetryAt: soon.Add(time.Minute)}
	given(t, deferred).When(shipment.Defer(more)).Then(more)
	s := shipment.Decider.Fold(shipment.State{}, deferred, more)
	if s.Deferrals != 2 || !s.RetryAt.Equal(more.RetryAt) {
		t.Errorf("%+v", s)
	}
	if s = shipment.Decider.Fold(s, booked); s.Deferrals != 0 || !s.RetryAt.IsZero() {
		t.Errorf("booked, and still waiting: %+v", s)
	}
}

func TestDeferringACancellationKeepsTheBooking(t *testing.T) {
	s := shipment.Decider.Fold(shipment.State{}, booked, deferred)
	if s.Status != shipment.StatusBooked || s.Tracking != booked.Tracking {
		t.Errorf("%+v", s)
	}
}

func TestOnlyTriesToCallOffCountAsSuch(t *testing.T) {
	if s := shipment.Decider.Fold(shipment.State{}, deferred, booked, undoing, undoing); s.Deferrals != 2 || s.CancelTries != 2 {
		t.Errorf("%+v", s)
	}
	if s := shipment.Decider.Fold(shipment.State{}, deferred, deferred, undoing); s.Deferrals != 3 || s.CancelTries != 1 {
		t.Errorf("%+v", s)
	}
}

func TestStoredForms(t *testing.T) {
	eventlogtest.Golden[shipment.Event](t, shipment.Codec, booked, refused, deferred, undoing, cancelled, dispatched, delivered,
		started, claimed, shipment.BookingStarted{Carrier: "sim", Key: "parcel-1"})
}

var (
	noon         = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	mine, theirs = domain.Claim{By: "a", Until: noon.Add(time.Minute)}, domain.Claim{By: "b", Until: noon.Add(time.Minute)}
	started      = shipment.BookingStarted{Carrier: "sim", Key: "parcel-1", Claim: &mine}
	claimed      = shipment.Claimed{Claim: mine}
)

// Of two processes one gets the claim, until it ends or a result is recorded.
func TestClaims(t *testing.T) {
	start := func(c domain.Claim, now time.Time) shipment.Decision {
		return shipment.StartBooking("sim", "parcel-1", c, now)
	}
	given := func(events ...shipment.Event) *decidertest.Scenario[shipment.State, shipment.Event] {
		return decidertest.For(t, shipment.Decider).Given(events...)
	}
	given().When(start(mine, noon)).Then(started)
	given(started).When(start(theirs, noon)).Then()
	given(started).When(shipment.TakeClaim(theirs, noon)).Then()
	given(started).When(shipment.TakeClaim(theirs, mine.Until)).Then(shipment.Claimed{Claim: theirs})
	given(started, deferred).When(start(theirs, noon)).Then(shipment.BookingStarted{Carrier: "sim", Key: "parcel-1", Claim: &theirs})
	given(started, booked).When(start(theirs, noon)).Then()
	given(started).When(shipment.Holding("b", shipment.Book(booked))).Then()
	given(started).When(shipment.Holding("a", shipment.Book(booked))).Then(booked)
	given(started, booked, claimed).When(shipment.TakeClaim(theirs, noon)).Then()
}
