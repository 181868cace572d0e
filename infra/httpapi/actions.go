package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"orderflow/commands"
	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/order"
)

// receipt is the response to a command.
type receipt struct {
	Stream   string `json:"stream" doc:"What was changed"`
	Version  int64  `json:"version" doc:"Of the stream, after the command"`
	Position int64  `json:"position" doc:"A query that carries it sees what the command did"`
	Changed  bool   `json:"changed" doc:"false if it had been done before"`
}

type receiptOutput struct {
	Position string `header:"Orderflow-Position"`
	Replayed string `header:"Idempotency-Replayed" doc:"true if it had been done before"`
	Body     receipt
}

// send carries a command and answers with its receipt.
func (s *server) send(ctx context.Context, c commands.Command) (*receiptOutput, error) {
	r, err := s.config.Bus.Send(ctx, c)
	if err != nil {
		return nil, err
	}
	out := &receiptOutput{
		Position: strconv.FormatInt(int64(r.Position), 10),
		Body:     receipt{Stream: string(r.Stream), Version: int64(r.Version), Position: int64(r.Position), Changed: r.Events > 0},
	}
	if r.Events == 0 {
		out.Replayed = "true"
	}
	return out, nil
}

// Keyed makes the Idempotency-Key part of an operation; exported because huma
// looks into no others.
type Keyed struct {
	IdempotencyKey string `header:"Idempotency-Key" doc:"Names this request; repeat it when repeating the request"`
}

func (k Keyed) key() (string, error) { return parseKey([]string{k.IdempotencyKey}) }

// once sends a command unless the same is on its way.
func (s *server) once(ctx context.Context, scope, key string, c commands.Command) (*receiptOutput, error) {
	name := scope + "\x00" + key
	if !s.inFlight.begin(name) {
		return nil, problem("request-in-flight", "A request with this Idempotency-Key is being worked on.")
	}
	defer s.inFlight.end(name)
	return s.send(ctx, c)
}

type cancelInput struct {
	ID      string `path:"id"`
	IfMatch string `header:"If-Match" doc:"Refuse if the order's version is another; it is compared before the command is sent"`
	Body    *cancelBody
}

type cancelBody struct {
	Reason domain.Reason `json:"reason,omitempty" enum:"customer_asked,operator_asked" doc:"customer_asked if left out"`
	Detail string        `json:"detail,omitempty" maxLength:"512"`
}

type returnInput struct {
	ID      string `path:"id"`
	IfMatch string `header:"If-Match" doc:"Refuse if the order's version is another; it is compared before the command is sent"`
	Keyed
	Body returnBody
}

type returnBody struct {
	Lines []returnLine `json:"lines" minItems:"1" maxItems:"2000" nullable:"false"`
}

type returnLine struct {
	Line     int   `json:"line" minimum:"0" maximum:"1999" doc:"Counts from 0"`
	Quantity int64 `json:"quantity" minimum:"1" maximum:"100000" doc:"In units"`
}

type resumeInput struct {
	ID   string `path:"id"`
	Body struct {
		By   string `json:"by" minLength:"1" maxLength:"128" doc:"The operator"`
		Note string `json:"note,omitempty" maxLength:"512"`
	}
}

type parcelInput struct {
	Order string `path:"order"`
}

func (s *server) orderActionRoutes(api huma.API) {
	post := func(id, path, summary, tag string) huma.Operation {
		return huma.Operation{
			OperationID: id, Method: http.MethodPost, Path: path, Summary: summary, Tags: []string{tag},
			DefaultStatus: http.StatusAccepted, MaxBodyBytes: MaxBodyBytes,
		}
	}
	register(s, api, post("cancel-order", "/v1/orders/{id}/cancel", "Undo an order", "orders"), s.cancelOrder)
	register(s, api, post("return-lines", "/v1/orders/{id}/returns", "Take goods back", "orders"), s.returnLines)
	register(s, api, post("resume-order", "/v1/orders/{id}/resume", "Let the work on an order that needed attention go on", "orders"), s.resumeOrder)
	register(s, api, post("dispatch-shipment", "/v1/shipments/{order}/dispatched", "The carrier has the parcel", "shipments"),
		func(ctx context.Context, in *parcelInput) (*receiptOutput, error) {
			return s.parcel(ctx, in, func(id domain.OrderID) commands.Command { return commands.DispatchShipment{Order: id} })
		})
	register(s, api, post("deliver-shipment", "/v1/shipments/{order}/delivered", "The customer has the parcel", "shipments"),
		func(ctx context.Context, in *parcelInput) (*receiptOutput, error) {
			return s.parcel(ctx, in, func(id domain.OrderID) commands.Command { return commands.DeliverShipment{Order: id} })
		})
}

func (s *server) cancelOrder(ctx context.Context, in *cancelInput) (*receiptOutput, error) {
	id, err := orderID(in.ID)
	if err != nil {
		return nil, err
	}
	if err := s.match(ctx, id, in.IfMatch); err != nil {
		return nil, err
	}
	c := commands.CancelOrder{Order: id}
	if in.Body != nil {
		if who, checked := commands.CallerOf(ctx); checked && in.Body.Reason == domain.OperatorAsked && !who.May(commands.ScopeSupport) {
			return nil, problem("forbidden", "The reason operator_asked is for callers with the scope "+commands.ScopeSupport+".")
		}
		c.Reason, c.Detail = in.Body.Reason, in.Body.Detail
	}
	return s.send(ctx, c)
}

func (s *server) returnLines(ctx context.Context, in *returnInput) (*receiptOutput, error) {
	id, err := orderID(in.ID)
	if err != nil {
		return nil, err
	}
	key, err := in.key()
	if err != nil {
		return nil, err
	}
	if err := s.match(ctx, id, in.IfMatch); err != nil {
		return nil, err
	}
	lines := make([]order.ReturnedLine, len(in.Body.Lines))
	for i, l := range in.Body.Lines {
		lines[i] = order.ReturnedLine{Line: l.Line, Quantity: l.Quantity}
	}
	return s.once(ctx, "return "+string(id), key, commands.ReturnLines{Order: id, Return: key, Lines: lines, ReturnedAt: s.config.Clock().UTC()})
}

func (s *server) resumeOrder(ctx context.Context, in *resumeInput) (*receiptOutput, error) {
	id, err := orderID(in.ID)
	if err != nil {
		return nil, err
	}
	if err := s.exists(ctx, id); err != nil {
		return nil, err
	}
	return s.send(ctx, commands.ResumeFulfilment{Order: id, By: in.Body.By, Note: in.Body.Note})
}

func (s *server) parcel(ctx context.Context, in *parcelInput, command func(domain.OrderID) commands.Command) (*receiptOutput, error) {
	id, err := orderID(in.Order)
	if err != nil {
		return nil, err
	}
	if err := s.exists(ctx, id); err != nil {
		return nil, err
	}
	return s.send(ctx, command(id))
}

// match compares If-Match with an order's version. It spares a client a
// command on what it has not seen; what must hold when the command is decided
// is in the decision.
func (s *server) match(ctx context.Context, id domain.OrderID, header string) error {
	want, ok, err := parseMatch(header)
	if err != nil || !ok {
		return err
	}
	var have eventlog.Version
	for r, err := range s.config.Log.Read(ctx, order.Stream(id), max(0, want-1)) {
		if err != nil {
			return err
		}
		have = r.Version
	}
	switch have {
	case want:
		return nil
	case 0:
		if err := s.exists(ctx, id); err != nil {
			return err
		}
	default:
	}
	return problem("precondition-failed", fmt.Sprintf("The order is not at version %d.", want))
}
