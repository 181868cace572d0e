package projections_test

import (
	"slices"
	"testing"
	"time"

	"orderflow/domain/payment"
	"orderflow/projections/projectionstest"
	"orderflow/readmodels"
)

// A void that waits is seen on the payment, leaves the order as it was, and
// keeps the watchdog away until its moment.
func TestAVoidThatWaits(t *testing.T) {
	n := newNode(t)
	o := projectionstest.Order{Number: 1, Lines: 1}
	n.append(o.Waiting(time.Now())...)
	before := n.order(t, o).Status
	until := time.Now().Add(time.Hour).UTC()
	n.append(projectionstest.Of[payment.Event](payment.Stream(o.ID()), payment.Codec,
		payment.VoidDeferred{Gateway: "stripe", Reason: "server_error", RetryAt: until}))
	if now := n.order(t, o).Status; now != before {
		t.Errorf("the order was %s and is %s", before, now)
	}
	p, err := n.views.Payment(t.Context(), o.ID())
	if err != nil || p.Reason != "server_error" || !p.RetryAt.Equal(readmodels.Instant(until)) {
		t.Errorf("%+v, %v", p, err)
	}
	for at, want := range map[time.Time]bool{until.Add(-time.Minute): false, until.Add(time.Minute): true} {
		standing, err := n.views.Stalled(t.Context(), at, 10)
		if err != nil || slices.Contains(standing, o.ID()) != want {
			t.Errorf("standing still before %v: %v, %v", at, standing, err)
		}
	}
	n.verified(t)
}
