package httpapi_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"orderflow/commands"
	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/httpapi"
	"orderflow/projections"
	"orderflow/readmodels"
)

// row is a view of one order whose version tests set.
type row struct {
	id      domain.OrderID
	version atomic.Int64
	looks   atomic.Int64
	reading func() // called while a row is read
}

func (v *row) Order(context.Context, domain.OrderID) (readmodels.Order, error) {
	v.looks.Add(1)
	o := readmodels.Order{ID: v.id, Version: v.version.Load(), Position: v.version.Load()}
	if v.reading != nil {
		v.reading()
	}
	return o, nil
}

func (v *row) Orders(context.Context, readmodels.OrderQuery) (readmodels.OrderPage, error) {
	return readmodels.OrderPage{}, nil
}

// hub is told by tests what changed, as *projections.Changes is by projections.
type hub struct{ out chan projections.Change }

func (h hub) Watch(domain.OrderID) (<-chan eventlog.Position, func()) { return nil, func() {} }
func (h hub) Listen() (<-chan projections.Change, func())             { return h.out, func() {} }

func keeping(t *testing.T) (*row, hub, *httpapi.API) {
	t.Helper()
	v := &row{id: commands.PlaceOrder{Customer: "a", IdempotencyKey: "k"}.OrderID()}
	h := hub{make(chan projections.Change, projections.MaxPendingChanges)}
	v.version.Store(1)
	return v, h, httpapi.New(httpapi.Config{Orders: v, Changes: h})
}

// version returns the version of the order as it is answered.
func version(api http.Handler, v *row) string {
	w := httptest.NewRecorder()
	api.ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/v1/orders/"+string(v.id), nil))
	first, _, _ := strings.Cut(strings.Trim(w.Header().Get("ETag"), `"`), ".")
	return first
}

func TestKeptUntilItChanges(t *testing.T) {
	v, h, api := keeping(t)
	for range 3 {
		if got := version(api, v); got != "1" {
			t.Errorf("version %s", got)
		}
	}
	if n := v.looks.Load(); n != 1 {
		t.Errorf("%d looks at the view for 3 answers", n)
	}
	v.version.Store(2)
	h.out <- projections.Change{Orders: []domain.OrderID{v.id}}
	if got := version(api, v); got != "2" {
		t.Errorf("version %s after a change", got)
	}
	api.Drain()
	v.version.Store(3)
	if got := version(api, v); got != "3" {
		t.Errorf("version %s when nobody tells of changes any more", got)
	}
}

func TestNothingKeptWhenChangesWereLost(t *testing.T) {
	v, h, api := keeping(t)
	version(api, v)
	v.version.Store(2)
	h.out <- projections.Change{Missed: true}
	if got := version(api, v); got != "2" {
		t.Errorf("version %s after a missed change", got)
	}
	v.version.Store(3)
	for range projections.MaxPendingChanges { // one more was lost
		h.out <- projections.Change{Orders: []domain.OrderID{"another"}}
	}
	if got := version(api, v); got != "3" {
		t.Errorf("version %s after the hub was full", got)
	}
}

func TestAnswerReadBeforeAChangeIsNotKept(t *testing.T) {
	v, h, api := keeping(t)
	v.reading = func() { // the row changes between being read and being kept, and a reader of another order fetches the news
		v.reading = nil
		v.version.Store(2)
		h.out <- projections.Change{Orders: []domain.OrderID{v.id}}
		other := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/v1/orders/"+string(domain.NewOrderID("b", "k")), nil)
		api.ServeHTTP(httptest.NewRecorder(), other)
	}
	version(api, v)
	if got := version(api, v); got != "2" {
		t.Errorf("version %s: the older answer was kept", got)
	}
}

func TestShownStaysShown(t *testing.T) {
	s := begin(t)
	s.sell("TEAPOT")
	p := s.place("k")
	s.confirm(p.OrderID)
	var all sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		all.Go(func() {
			for last := int64(0); ; {
				select {
				case <-stop:
					return
				default:
				}
				o := s.call("GET", p.TrackingURL, "")
				if o.status != http.StatusOK {
					continue // not in the view yet
				}
				now := read[shownOrder](t, o, http.StatusOK).Version
				if now < last {
					t.Errorf("version %d after %d", now, last)
				}
				last = now
			}
		})
	}
	for i := range 2 {
		r := s.call("POST", p.TrackingURL+"/returns", `{"lines":[{"line":0,"quantity":1}]}`, "Idempotency-Key", at(int64(i)))
		o := read[shownOrder](t, s.call("GET", p.TrackingURL+"?position="+r.header.Get("Orderflow-Position"), ""), http.StatusOK)
		if o.Version != int64(i)+3 {
			t.Errorf("version %d after return %d", o.Version, i)
		}
	}
	close(stop)
	all.Wait()
}
