package projections_test

import (
	"testing"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/order"
	"orderflow/projections/projectionstest"
	"orderflow/readmodels"
)

func TestWatchersLearnOfTheirOrder(t *testing.T) {
	n := newNode(t)
	o := projectionstest.Order{Number: 1, Lines: 1}
	mine, stop := n.Changes().Watch(o.ID())
	defer stop()
	all, stopAll := n.Changes().Listen()
	defer stopAll()
	n.append(projectionstest.Of[order.Event]("order-other", order.Codec, order.Placed{Order: "other", Total: domain.GBP(1)}))
	n.append(o.Placed()...)
	for at := eventlog.Position(0); at < n.last; {
		at = <-mine
	}
	seen := map[domain.OrderID]bool{}
	for !seen["other"] || !seen[o.ID()] {
		for _, id := range (<-all).Orders {
			seen[id] = true
		}
	}
	if row, err := n.views.Order(t.Context(), o.ID()); err != nil || row.Status != readmodels.OrderPlaced {
		t.Errorf("the row after the report: %+v, %v", row, err)
	}
}
