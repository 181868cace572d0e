package inventory_test

import (
	"math"
	"testing"

	"orderflow/domain"
	"orderflow/domain/decider/decidertest"
	"orderflow/domain/eventlog/eventlogtest"
	"orderflow/domain/inventory"
)

type units = []inventory.Units

func u(sku domain.SKU, n int64) inventory.Units { return inventory.Units{SKU: sku, Quantity: n} }

var (
	received  = inventory.Received{Receipt: "r1", Units: units{u("a", 10), u("b", 5)}}
	adjusted  = inventory.Adjusted{Adjustment: "j1", SKU: "a", Delta: -3, Reason: "broken"}
	reserved  = inventory.Reserved{Order: "o1", Units: units{u("a", 4), u("b", 5)}}
	refused   = inventory.Refused{Order: "o2", Short: []inventory.Shortage{{SKU: "a", Wanted: 7, Available: 6}, {SKU: "c", Wanted: 1}}}
	released  = inventory.Released{Order: "o1", Units: reserved.Units}
	committed = inventory.Committed{Order: "o1", Units: reserved.Units}
	returned  = inventory.Returned{Order: "o1", Return: "x1", Units: units{u("a", 1)}}
)

func given(t *testing.T, events ...inventory.Event) *decidertest.Scenario[inventory.State, inventory.Event] {
	return decidertest.For(t, inventory.Decider).Given(events...)
}

func TestReceive(t *testing.T) {
	given(t).When(inventory.Receive("r1", received.Units)).Then(received)
	given(t, received).When(inventory.Receive("r1", units{u("b", 5), u("a", 10)})).Then() // the same, in another order
	given(t, received).When(inventory.Receive("r1", units{u("z", 1)})).ThenFails(domain.Mismatch)
	given(t).When(inventory.Receive("r1", units{u("b", 2), u("a", 10), u("b", 3)})).Then(received) // merged and sorted
	given(t).When(inventory.Receive("r", units{u("a", inventory.MaxOnHand/domain.MaxLines)})).
		Then(inventory.Received{Receipt: "r", Units: units{u("a", inventory.MaxOnHand/domain.MaxLines)}})
}

func TestReceiveRefuses(t *testing.T) {
	for name, decide := range map[string]inventory.Decision{
		"no id":          inventory.Receive("", received.Units),
		"no line":        inventory.Receive("r", nil),
		"too many lines": inventory.Receive("r", make(units, domain.MaxLines+1)),
		"no SKU":         inventory.Receive("r", units{u("", 1)}),
		"no units":       inventory.Receive("r", units{u("a", 0)}),
		"negative units": inventory.Receive("r", units{u("a", -1)}),
		"endless units":  inventory.Receive("r", units{u("a", math.MaxInt64)}),
	} {
		t.Run(name, func(t *testing.T) { given(t).When(decide).ThenFails(domain.Invalid) })
	}
	full := inventory.Adjusted{Adjustment: "j", SKU: "a", Delta: inventory.MaxOnHand}
	given(t, full).When(inventory.Receive("r", units{u("a", 1)})).ThenFails(domain.Invalid)
}

func TestAdjust(t *testing.T) {
	given(t, received).When(inventory.Adjust("j1", "a", -3, "broken")).Then(adjusted)
	given(t, received, adjusted).When(inventory.Adjust("j1", "a", -3, "another reason")).Then()
	given(t, received, adjusted).When(inventory.Adjust("j1", "a", +9, "broken")).ThenFails(domain.Mismatch)
	given(t, received, reserved).When(inventory.Adjust("j2", "a", -6, "")).Then(inventory.Adjusted{Adjustment: "j2", SKU: "a", Delta: -6})
	given(t, received, reserved).When(inventory.Adjust("j2", "a", -7, "")).ThenFails(domain.Rejected)
	given(t).When(inventory.Adjust("j2", "a", math.MinInt64, "")).ThenFails(domain.Rejected)
	given(t, received).When(inventory.Adjust("j2", "a", math.MaxInt64, "")).ThenFails(domain.Invalid)
	given(t, received).When(inventory.Adjust("j2", "a", 0, "")).ThenFails(domain.Invalid)
	given(t, received).When(inventory.Adjust("", "a", 1, "")).ThenFails(domain.Invalid)
	given(t, received).When(inventory.Adjust("j2", "", 1, "")).ThenFails(domain.Invalid)
	given(t, received).When(inventory.Adjust("j2", "a", 1, "a\x00")).ThenFails(domain.Invalid)
}

// The lives an order can have led with the warehouse.
var lives = map[string][]inventory.Event{
	"absent":    {received},
	"held":      {received, reserved},
	"short":     {received, inventory.Refused{Order: "o1", Short: refused.Short}},
	"freed":     {received, reserved, released},
	"given up":  {received, inventory.Released{Order: "o1"}},
	"committed": {received, reserved, committed},
}

func TestEveryDecisionInEveryStanding(t *testing.T) {
	for _, tc := range []struct {
		name   string
		decide inventory.Decision
		events map[string]inventory.Event
		kinds  map[string]domain.Kind // none unless given
	}{
		{"reserve", inventory.Reserve("o1", reserved.Units), map[string]inventory.Event{"absent": reserved}, nil},
		{
			"release", inventory.Release("o1"),
			map[string]inventory.Event{"held": released, "absent": inventory.Released{Order: "o1"}},
			map[string]domain.Kind{"committed": domain.Rejected},
		},
		{
			"commit", inventory.Commit("o1"),
			map[string]inventory.Event{"held": committed},
			map[string]domain.Kind{"absent": domain.Rejected, "short": domain.Rejected, "freed": domain.Rejected, "given up": domain.Rejected},
		},
		{
			"return", inventory.Return("o1", "x1", returned.Units),
			map[string]inventory.Event{"committed": returned},
			map[string]domain.Kind{
				"absent": domain.Rejected, "held": domain.Rejected, "short": domain.Rejected, "freed": domain.Rejected, "given up": domain.Rejected,
			},
		},
	} {
		for life, events := range lives {
			t.Run(tc.name+" when "+life, func(t *testing.T) {
				when := given(t, events...).When(tc.decide)
				e, yields := tc.events[life]
				kind, fails := tc.kinds[life]
				switch {
				case yields:
					when.Then(e)
				case fails:
					when.ThenFails(kind)
				default:
					when.Then()
				}
			})
		}
	}
}

func TestReserveIsAllOrNothing(t *testing.T) {
	given(t, received, reserved).When(inventory.Reserve("o2", units{u("c", 1), u("a", 7)})).Then(refused)
	given(t, received, reserved).When(inventory.Reserve("o2", units{u("a", 3), u("a", 3)})).
		Then(inventory.Reserved{Order: "o2", Units: units{u("a", 6)}})
	given(t, received, reserved).When(inventory.Reserve("o2", units{u("a", 4), u("a", 3)})).
		Then(inventory.Refused{Order: "o2", Short: []inventory.Shortage{{SKU: "a", Wanted: 7, Available: 6}}})
	given(t, received, reserved, released).When(inventory.Reserve("o2", received.Units)).
		Then(inventory.Reserved{Order: "o2", Units: received.Units})
	given(t, received).When(inventory.Reserve("", reserved.Units)).ThenFails(domain.Invalid)
	given(t, received).When(inventory.Reserve("o2", nil)).ThenFails(domain.Invalid)
}

func TestReturnsOfOneOrderAreApart(t *testing.T) {
	life := []inventory.Event{received, reserved, committed, returned}
	given(t, life...).When(inventory.Return("o1", "x1", returned.Units)).Then()
	given(t, life...).When(inventory.Return("o1", "x1", units{u("a", 2)})).ThenFails(domain.Mismatch)
	given(t, life...).When(inventory.Return("o1", "x2", units{u("b", 2)})).
		Then(inventory.Returned{Order: "o1", Return: "x2", Units: units{u("b", 2)}})
	given(t, life...).When(inventory.Return("o1", "x2", nil)).ThenFails(domain.Invalid)
}

func TestReservationTellsWhatWasMissing(t *testing.T) {
	s := inventory.Decider.Fold(inventory.State{}, received, reserved, refused)
	if standing, short := s.Reservation("o2"); standing != inventory.ReservationRefused || len(short) != 2 {
		t.Errorf("o2: %v, %v", standing, short)
	}
	if standing, short := s.Reservation("o1"); standing != inventory.ReservationHeld || short != nil {
		t.Errorf("o1: %v, %v", standing, short)
	}
	if standing, _ := s.Reservation("o3"); standing != inventory.ReservationNone {
		t.Errorf("o3: %v", standing)
	}
}

func TestStoredForms(t *testing.T) {
	eventlogtest.Golden[inventory.Event](t, inventory.Codec, received, adjusted, reserved, refused, released, committed, returned,
		inventory.Adjusted{Adjustment: "j2", SKU: "BANK CHARGES", Delta: 1})
}
