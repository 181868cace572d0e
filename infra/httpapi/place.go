package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"orderflow/commands"
	"orderflow/commands/aggregate"
	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/order"
)

// placeBody is the body of an order. Prices come from the catalogue.
type placeBody struct {
	Customer     domain.CustomerID `json:"customer,omitempty" minLength:"1" maxLength:"128" doc:"The caller's own, which it is if left out; needed where callers are not told apart, and with the scope support"`
	Lines        []placeLine       `json:"lines" minItems:"1" maxItems:"2000" nullable:"false"`
	PaymentToken string            `json:"payment_token" minLength:"1" maxLength:"128" doc:"The gateway's name for the means of payment; never a card number"`
}

type placeInput struct {
	IdempotencyKey string `header:"Idempotency-Key" required:"true" minLength:"1" maxLength:"255" doc:"Names this request; repeat it when repeating the request"`
	Prefer         string `header:"Prefer" doc:"wait=N answers when the order has settled, after at most N seconds (30)" example:"wait=10"`
	Body           placeBody
}

type placeOutput struct {
	Status   int
	Location string `header:"Location" doc:"Where the order is"`
	ETag     string `header:"ETag"`
	Position string `header:"Orderflow-Position" doc:"A query that carries it sees the order"`
	Replayed string `header:"Idempotency-Replayed" doc:"true if the order had been placed before"`
	Applied  string `header:"Preference-Applied"`
	Body     resultBody
}

// placed is the position of an order's first event.
type placed struct {
	id       domain.OrderID
	at       eventlog.Position
	replayed bool
}

func (s *server) placeRoute(api huma.API) {
	describe[placeInput, placeOutput](api, huma.Operation{
		OperationID: "place-order", Method: http.MethodPost, Path: "/v1/orders", DefaultStatus: http.StatusAccepted,
		Summary: "Place an order", Tags: []string{"orders"}, MaxBodyBytes: MaxBodyBytes,
		Description: "202: the order is durable and being worked on. With Prefer: wait=N the answer is 200 once the order has settled, " +
			"whatever the outcome, and 202 if there is more to come. The same key with the same body is the same order, marked Idempotency-Replayed; " +
			"so it is as soon as the order is durable, also while the first request still waits. 409 request-in-flight is for the moment before.",
		Responses: map[string]*huma.Response{"200": {Description: "The order has settled"}},
	}, s.place)
}

func (s *server) place(w http.ResponseWriter, r *http.Request) {
	key, err := parseKey(r.Header[idempotencyHeader])
	if err != nil {
		s.fail(w, r, err)
		return
	}
	p, err := s.placeOnce(w, r, key)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	h := w.Header()
	location := "/v1/orders/" + string(p.id)
	h["Location"] = []string{location}
	setPosition(h, p.at)
	if p.replayed {
		h[replayedHeader] = []string{"true"}
	}
	result, status := accepted(p), http.StatusAccepted
	if wait, wanted := parseWait(r.Header["Prefer"]); wanted && s.config.Changes != nil {
		h["Preference-Applied"] = []string{"wait=" + strconv.Itoa(int(wait/time.Second))}
		// The server's limit on reading a request must not end this one.
		_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
		var settled bool
		if result, settled = s.awaitOutcome(r.Context(), p, wait); settled {
			status = http.StatusOK
		}
	}
	h["Etag"] = []string{etag(result.Version, result.Position)}
	writeJSON(w, status, result)
}

// placeOnce sends the command, unless the same request is on its way.
func (s *server) placeOnce(w http.ResponseWriter, r *http.Request, key string) (placed, error) {
	buf := s.bodies.get()
	defer s.bodies.put(buf)
	if err := s.bodies.read(w, r, buf); err != nil {
		return placed{}, err
	}
	c, err := readPlace(r.Context(), buf.Bytes())
	if err != nil {
		return placed{}, err
	}
	c.IdempotencyKey, c.PlacedAt = key, s.config.Clock().UTC()
	id := c.OrderID()
	if !s.inFlight.begin(string(id)) {
		return placed{}, problem("request-in-flight", "The order of this Idempotency-Key is being placed.")
	}
	defer s.inFlight.end(string(id))
	ctx, cancel := aggregate.Bounded(r.Context()) // one deadline for the command and the look at the first one
	defer cancel()
	reply, err := s.config.Bus.Send(ctx, c)
	switch {
	case err != nil:
		return placed{}, err
	case reply.Events > 0:
		if _, checked := commands.CallerOf(r.Context()); checked { // it will be asked whose it is
			s.owners.keep(id, c.Customer)
		}
		return placed{id: id, at: reply.Position}, nil
	}
	return s.placedBefore(ctx, id)
}

// placedBefore finds an order's first event, to answer a repeat as the first request was.
func (s *server) placedBefore(ctx context.Context, id domain.OrderID) (placed, error) {
	for r, err := range s.config.Log.Read(ctx, order.Stream(id), 0) {
		if err != nil {
			return placed{}, err
		}
		return placed{id: id, at: r.Position, replayed: true}, nil
	}
	return placed{}, eventlog.ErrIncomplete(order.Stream(id), 1, 0) // it was a repeat
}

// readPlace reads a request to place an order. It names every fault, up to maxDetails.
func readPlace(ctx context.Context, data []byte) (commands.PlaceOrder, error) {
	var b placeBody
	err := json.Unmarshal(data, &b)
	wrong, isJSON := errors.AsType[*json.UnmarshalTypeError](err)
	if err != nil && !isJSON {
		return commands.PlaceOrder{}, notJSON(err)
	}
	if err := checkMembers(data, placeMember); err != nil {
		return commands.PlaceOrder{}, err
	}
	if err != nil {
		return commands.PlaceOrder{}, invalidRequest(wrongType(data, wrong))
	}
	if b.Customer, err = forCustomer(ctx, b.Customer); err != nil {
		return commands.PlaceOrder{}, err
	}
	if err := b.check(); err != nil {
		return commands.PlaceOrder{}, err
	}
	return commands.PlaceOrder{Customer: b.Customer, PaymentToken: b.PaymentToken, Lines: commandLines(b.Lines)}, nil
}

// placeMember refuses members that an order does not have, and says of prices why.
func placeMember(depth int, name []byte) *Problem {
	if depth == lineDepth && isLineMember(name) {
		return nil
	}
	switch string(name) {
	case "customer", "lines", "payment_token":
		if depth == 1 {
			return nil
		}
	case "price", "price_minor", "unit_price", "amount", "total", "currency":
		return problem("invalid-request", fmt.Sprintf("Leave out %q: prices and currency come from the catalogue.", name))
	}
	return problem("invalid-request", fmt.Sprintf("An order has no member %q there.", clip(name)))
}

func (b placeBody) check() error {
	var faults []ProblemDetail
	add := func(pointer string, err error) {
		if err != nil && len(faults) < maxDetails {
			faults = append(faults, ProblemDetail{Pointer: pointer, Detail: problemFor(err).Detail})
		}
	}
	add("/customer", domain.CheckName("The customer", string(b.Customer)))
	add("/payment_token", domain.CheckName("The payment token", b.PaymentToken))
	if looksLikeCard(b.PaymentToken) {
		add("/payment_token", domain.Errorf(domain.Invalid, "The payment token looks like a card number; send the gateway's token instead."))
	}
	if len(b.Lines) == 0 || len(b.Lines) > domain.MaxLines {
		add("/lines", domain.Errorf(domain.Invalid, "An order has 1 to %d lines, not %d.", domain.MaxLines, len(b.Lines)))
	}
	for i, l := range b.Lines {
		l.check(func(member string, err error) { add(fmt.Sprintf("/lines/%d/%s", i, member), err) })
	}
	if len(faults) == 0 {
		return nil
	}
	return invalidRequest(faults...)
}

// looksLikeCard reports whether s is 13 to 19 digits, spaces and dashes apart,
// whose check digit fits: such a text must never be stored (PCI DSS).
func looksLikeCard(s string) bool {
	digits, sum := 0, 0
	for i := len(s) - 1; i >= 0; i-- {
		switch c := s[i]; {
		case c == ' ' || c == '-':
		case c < '0' || c > '9':
			return false
		default:
			d := int(c - '0')
			if digits%2 == 1 {
				if d *= 2; d > 9 {
					d -= 9
				}
			}
			sum += d
			digits++
		}
	}
	return digits >= 13 && digits <= 19 && sum%10 == 0
}
