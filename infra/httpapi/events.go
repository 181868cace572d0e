package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"orderflow/domain/eventlog"
)

const (
	// maxPageEvents bounds the events of one page; they may be large.
	maxPageEvents = 200
	// defaultPageEvents is the size of a page that names none.
	defaultPageEvents = 50
	// maxPageBytes ends a page early, so that pages of large events stay bounded.
	maxPageBytes = 4 << 20
)

// eventBody is one event as it was recorded.
type eventBody struct {
	Position    int64           `json:"position" doc:"In the whole log"`
	Stream      string          `json:"stream"`
	Version     int64           `json:"version" doc:"In its stream"`
	Type        string          `json:"type"`
	ID          string          `json:"id" format:"uuid"`
	At          time.Time       `json:"at" doc:"When it was recorded"`
	Actor       string          `json:"actor,omitempty"`
	Command     string          `json:"command,omitempty"`
	Correlation string          `json:"correlation,omitempty"`
	Causation   string          `json:"causation,omitempty"`
	Trace       string          `json:"trace,omitempty" doc:"W3C traceparent"`
	Data        json.RawMessage `json:"data"`
}

func eventBodyOf(r eventlog.Recorded) eventBody {
	i := r.ID
	return eventBody{
		Position: int64(r.Position), Stream: string(r.Stream), Version: int64(r.Version), Type: r.Type, At: r.At,
		ID:    fmt.Sprintf("%x-%x-%x-%x-%x", i[:4], i[4:6], i[6:8], i[8:10], i[10:]),
		Actor: r.Meta.Actor, Command: r.Meta.Command, Correlation: r.Meta.Correlation, Causation: r.Meta.Causation, Trace: r.Meta.Trace,
		Data: json.RawMessage(r.Data),
	}
}

type orderEventsInput struct {
	ID     string `path:"id"`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" doc:"Events of one page; 50 if left out"`
	Cursor string `query:"cursor" maxLength:"1024"`
}

func (s *server) eventRoutes(api huma.API) {
	register(s, api, huma.Operation{
		OperationID: "order-events", Method: http.MethodGet, Path: "/v1/orders/{id}/events", Tags: []string{"orders"},
		Summary:     "All events of an order, its fulfilment, payment and parcel",
		Description: "In the order of the log. The stock of an order is in its warehouse's stream, with that of all others.",
	}, s.orderEvents)
	describe[watchInput, watchOutput](api, huma.Operation{
		OperationID: "watch-order", Method: http.MethodGet, Path: "/v1/orders/{id}/watch", Tags: []string{"orders"},
		Summary:     "An order's events as they happen",
		Description: "Server-sent events: id is the position, event the type, data as in the list of events. Last-Event-ID goes on after it.",
		Responses: map[string]*huma.Response{"200": {
			Description: "The events there are, and then those that come",
			Content:     map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}}},
		}},
	}, s.watch)
}

func (s *server) orderEvents(ctx context.Context, in *orderEventsInput) (*pageOutput[eventBody], error) {
	id, err := orderID(in.ID)
	if err != nil {
		return nil, err
	}
	path := "/v1/orders/" + in.ID + "/events"
	place, err := s.cursors.open(path, in.Cursor)
	if err != nil {
		return nil, err
	}
	above, err := parsePosition(place)
	if err != nil {
		return nil, err
	}
	limit := in.Limit
	if limit == 0 {
		limit = defaultPageEvents
	}
	limit = min(limit, maxPageEvents)
	out := &pageOutput[eventBody]{Body: page[eventBody]{Items: []eventBody{}}}
	size := 0
	for r, err := range merged(ctx, s.config.Log, above, s.gone(ctx, id), streamsOf(id)...) {
		if err != nil {
			return nil, err
		}
		if len(out.Body.Items) == limit || size > maxPageBytes {
			last := out.Body.Items[len(out.Body.Items)-1].Position
			out.Body.Next = s.cursors.seal(path, strconv.FormatInt(last, 10))
			out.Link = nextLink(path, url.Values{}, strconv.Itoa(in.Limit), out.Body.Next)
			break
		}
		size += len(r.Data)
		out.Body.Items = append(out.Body.Items, eventBodyOf(r))
	}
	if len(out.Body.Items) == 0 && above == 0 {
		return nil, s.absent(ctx, id)
	}
	return out, nil
}
