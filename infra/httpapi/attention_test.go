package httpapi_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/fulfilment"
	"orderflow/domain/order"
	"orderflow/domain/payment"
	"orderflow/domain/shipment"
	"orderflow/infra/httpapi"
	"orderflow/projections"
	"orderflow/readmodels"
)

// hiding is a log that says which streams it limits.
type hiding struct {
	gone
	list []eventlog.Truncated
}

func (h *hiding) TruncatedStreams(context.Context, ...string) ([]eventlog.Truncated, int, error) {
	return h.list, len(h.list), nil
}

type attentionList struct {
	Items []struct {
		OrderID domain.OrderID `json:"order_id"`
		Step    string         `json:"step"`
		Reason  string         `json:"reason"`
	} `json:"items"`
	Open      int64 `json:"open"`
	Attention int64 `json:"attention"`
}

// An order of which any stream is truncated or gone is among those that wait for a
// person, whatever its fulfilment can tell, also for a process that just began, and
// until the stream is back; a limit that has hidden nothing puts none there.
func TestOrdersThatLackEventsWaitForAPerson(t *testing.T) {
	kinds := map[string]func(domain.OrderID) eventlog.Stream{
		"order": order.Stream, "payment": payment.Stream, "fulfilment": fulfilment.Stream, "shipment": shipment.Stream,
	}
	for kind, streamOf := range kinds {
		for _, how := range []string{"$maxCount 1", "deleted", "deleted for ever", "$maxCount 100", ""} {
			t.Run(kind+" "+how, func(t *testing.T) {
				log, hidden := &hiding{}, &projections.Hidden{}
				s := begin(t, func(c *httpapi.Config) {
					log.Store = c.Log
					*hidden = projections.Hidden{Log: log, Stalled: c.Views.Stalled}
					c.Log, c.Hidden, c.Holes = log, hidden.Holes, c.Orders.(readmodels.Holes)
				})
				s.sell("TEAPOT")
				p := s.place("k1")
				pay(t, s, p)
				s.place("k2")
				hold := fulfilment.HoldStock(p.OrderID, domain.DefaultWarehouse, domain.GBP(500), "tok_visa")
				if _, _, err := s.bus.Fulfilments.Transact(t.Context(), fulfilment.Stream(p.OrderID), cause(p.OrderID), hold); err != nil {
					t.Fatal(err)
				}
				last := s.confirm(p.OrderID)
				stream := streamOf(p.OrderID)
				list := func() attentionList {
					t.Helper()
					if err := hidden.Look(t.Context()); err != nil {
						t.Fatal(err)
					}
					return read[attentionList](t, s.call("GET", "/v1/fulfilments/attention?position="+position(last.Position), ""), http.StatusOK)
				}
				if l := list(); len(l.Items) != 0 || l.Attention != 0 || l.Open != 2 {
					t.Fatalf("before: %+v", l)
				}
				if how != "" {
					log.list = []eventlog.Truncated{{Stream: stream, How: how}}
				}
				wants := how != "" && how != "$maxCount 100"
				switch {
				case strings.HasPrefix(how, "deleted"):
					log.stream.Store(&stream)
				case wants:
					s.log.Scavenge(stream, 2)
				}
				*hidden = projections.Hidden{Log: log, Stalled: hidden.Stalled} // another process
				switch l := list(); {
				case !wants && (len(l.Items) != 0 || l.Attention != 0):
					t.Errorf("%+v", l)
				case wants && (len(l.Items) != 1 || l.Items[0].OrderID != p.OrderID || l.Items[0].Step != readmodels.StepRestore ||
					!strings.Contains(l.Items[0].Reason, string(stream)+" ("+how+")") || l.Attention != 1 || l.Open != 2):
					t.Errorf("%+v", l)
				}
				if strings.HasPrefix(how, "deleted") {
					log.list = nil
					log.stream.Store(nil)
					if l := list(); len(l.Items) != 0 {
						t.Errorf("once it is back: %+v", l)
					}
				}
			})
		}
	}
}

// An unfinished order whose fulfilment lost its beginning is found by reading it
// when nothing limits the stream any more, and one that a rebuilt view set aside by
// the view. Each is told of once.
func TestOrdersThatLackEventsAreFoundByReading(t *testing.T) {
	hidden := &projections.Hidden{Now: func() time.Time { return time.Now().Add(time.Hour) }}
	s := begin(t, func(c *httpapi.Config) {
		hidden.Log, hidden.Stalled = c.Log, c.Views.Stalled
		c.Hidden, c.Holes = hidden.Holes, c.Orders.(readmodels.Holes)
	})
	s.sell("TEAPOT")
	p, cut := s.place("k1"), s.place("k2")
	for _, o := range []placedOrder{p, cut} {
		hold := fulfilment.HoldStock(o.OrderID, domain.DefaultWarehouse, domain.GBP(500), "tok_visa")
		if _, _, err := s.bus.Fulfilments.Transact(t.Context(), fulfilment.Stream(o.OrderID), cause(o.OrderID), hold); err != nil {
			t.Fatal(err)
		}
	}
	last := s.place("k3")
	read[attentionList](t, s.call("GET", "/v1/fulfilments/attention?position="+at(last.Position), ""), http.StatusOK)
	s.log.Scavenge(fulfilment.Stream(p.OrderID), 2)
	s.log.Scavenge(order.Stream(cut.OrderID), 9)
	for range 2 {
		if err := hidden.Look(t.Context()); err != nil {
			t.Fatal(err)
		}
		l := read[attentionList](t, s.call("GET", "/v1/fulfilments/attention", ""), http.StatusOK)
		told := map[domain.OrderID]string{}
		for _, i := range l.Items {
			told[i.OrderID] = i.Reason
		}
		if len(l.Items) != 2 || l.Attention != 2 || l.Open != 3 ||
			!strings.Contains(told[p.OrderID], string(fulfilment.Stream(p.OrderID))) || !strings.Contains(told[cut.OrderID], string(order.Stream(cut.OrderID))) {
			t.Errorf("%+v", l)
		}
		if _, err := s.runner.Rebuild(t.Context(), projections.Orders, nil); err != nil { // then the view knows the second by itself
			t.Fatal(err)
		}
	}
}
