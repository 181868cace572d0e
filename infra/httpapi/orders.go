package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"

	"orderflow/commands"
	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/projections"
	"orderflow/readmodels"
)

// Freshness lets a query demand what a command did; exported because huma
// looks into no others.
type Freshness struct {
	PositionHeader int64 `header:"Orderflow-Position" minimum:"0" doc:"Wait, for some seconds, until the view has this position"`
	PositionQuery  int64 `query:"position" minimum:"0" doc:"The same as the header, for links"`
}

func (f Freshness) at() eventlog.Position {
	return eventlog.Position(max(f.PositionHeader, f.PositionQuery))
}

type getOrderInput struct {
	ID string `path:"id" doc:"The order's id"`
	Freshness
	IfNoneMatch string    `header:"If-None-Match" doc:"Answer 304 if nothing is new"`
	Version     int64     `query:"version" minimum:"1" doc:"The order as of this version of its own events"`
	At          time.Time `query:"at" doc:"The order as it was recorded at this moment: by the time of its events, which for an imported order is that of the import and not placed_at"`
}

type getOrderOutput struct {
	ETag string `header:"ETag"`
	Body orderBody
}

type listOrdersInput struct {
	Freshness
	Customer string    `query:"customer" maxLength:"128" doc:"Whose; the caller's own without the scope support"`
	Status   string    `query:"status" enum:"placed,pending_payment,confirmed,rejected,cancelling,cancelled"`
	From     time.Time `query:"from" doc:"Placed at or after: by placed_at, which for an imported order is its invoice's time"`
	To       time.Time `query:"to" doc:"Placed before: by placed_at"`
	Limit    int       `query:"limit" minimum:"1" maximum:"100" doc:"Orders of one page; 20 if left out"`
	Cursor   string    `query:"cursor" maxLength:"1024" doc:"From next of the page before"`
}

// page is one page of a list.
type page[T any] struct {
	Items []T    `json:"items" nullable:"false"`
	Next  string `json:"next,omitempty" doc:"The cursor of the next page; left out on the last"`
}

type pageOutput[T any] struct {
	Link string `header:"Link" doc:"rel=next leads to the next page"`
	Body page[T]
}

func (s *server) orderRoutes(api huma.API) {
	s.placeRoute(api)
	describe[getOrderInput, getOrderOutput](api, huma.Operation{
		OperationID: "get-order", Method: http.MethodGet, Path: "/v1/orders/{id}", Summary: "One order, now or as it was",
		Description: "With version or at, the order is folded from its events up to then. Both go by what was recorded: " +
			"at a time before an order was recorded there is none, even if it is an import that was placed before.", Tags: []string{"orders"},
	}, s.getOrder)
	register(s, api, huma.Operation{
		OperationID: "list-orders", Method: http.MethodGet, Path: "/v1/orders", Summary: "Orders, newest first", Tags: []string{"orders"},
	}, s.listOrders)
}

func (s *server) getOrder(w http.ResponseWriter, r *http.Request) {
	o, err := s.renderedOrder(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	h := w.Header()
	h["Etag"] = []string{o.tag}
	if match := r.Header["If-None-Match"]; len(match) > 0 && noneMatch(match[0], o.tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h["Content-Type"] = []string{plainJSON}
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(o.body) // the client may be gone
}

func (s *server) renderedOrder(r *http.Request) (rendered, error) {
	id, err := orderID(chi.URLParam(r, "id"))
	if err != nil {
		return rendered{}, err
	}
	var q url.Values
	if r.URL.RawQuery != "" {
		if q, err = url.ParseQuery(r.URL.RawQuery); err != nil {
			return rendered{}, domain.Errorf(domain.Invalid, "The query cannot be read.")
		}
	}
	demand := q.Get("position")
	if demand == "" {
		demand = r.Header.Get(positionHeader)
	}
	at, err := parsePosition(demand)
	if err != nil {
		return rendered{}, err
	}
	if q.Has("version") || q.Has("at") {
		then, err := parseAsOf(q)
		if err != nil {
			return rendered{}, err
		}
		o, err := s.orderAsOf(r.Context(), id, then)
		if err != nil {
			return rendered{}, err
		}
		return render(o)
	}
	return s.orderNow(r.Context(), id, at)
}

// orderNow answers from the response cache if that has the demanded position, else from the view.
func (s *server) orderNow(ctx context.Context, id domain.OrderID, at eventlog.Position) (rendered, error) {
	kept, epoch, ok := s.responses.find(id)
	if ok && kept.position >= int64(at) {
		return kept, nil
	}
	if err := s.fresh(ctx, projections.Orders, at); err != nil {
		return rendered{}, err
	}
	o, err := s.config.Orders.Order(ctx, id)
	if err != nil {
		return rendered{}, err
	}
	out, err := render(o)
	if err == nil {
		s.responses.keep(id, epoch, out)
	}
	return out, err
}

func render(o readmodels.Order) (rendered, error) {
	body, err := json.Marshal(orderBodyOf(o))
	return rendered{body: append(body, '\n'), tag: etag(o.Version, o.Position), position: o.Position}, err
}

func (s *server) listOrders(ctx context.Context, in *listOrdersInput) (*pageOutput[orderBody], error) {
	const path = "/v1/orders"
	mine := true
	if c, checked := commands.CallerOf(ctx); checked && !c.May(commands.ScopeSupport) {
		if in.Customer == "" {
			in.Customer = string(c.Customer)
		}
		mine = c.Owns(domain.CustomerID(in.Customer))
	}
	filters := filtersOf(in)
	after, err := s.cursors.open(scopeOf(path, filters), in.Cursor)
	if err != nil {
		return nil, err
	}
	if err := s.fresh(ctx, projections.Orders, in.at()); err != nil {
		return nil, err
	}
	if !mine { // as if that customer had none
		return pageOf(s.cursors, path, filters, in.Limit, "", nil, orderBodyOf), nil
	}
	found, err := s.config.Orders.Orders(ctx, readmodels.OrderQuery{
		Customer: domain.CustomerID(in.Customer), Status: readmodels.OrderStatus(in.Status),
		From: in.From, Until: in.To, After: after, Limit: in.Limit,
	})
	if err != nil {
		return nil, err
	}
	return pageOf(s.cursors, path, filters, in.Limit, found.Next, found.Orders, orderBodyOf), nil
}

// pageOf writes rows as one page; next is the place where the list goes on, or empty.
func pageOf[R, T any](c cursors, path string, filters url.Values, limit int, next string, rows []R, shape func(R) T) *pageOutput[T] {
	out := &pageOutput[T]{Body: page[T]{Items: make([]T, len(rows))}}
	for i, r := range rows {
		out.Body.Items[i] = shape(r)
	}
	if next != "" {
		out.Body.Next = c.seal(scopeOf(path, filters), next)
		out.Link = nextLink(path, filters, strconv.Itoa(limit), out.Body.Next)
	}
	return out
}
