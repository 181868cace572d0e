package commands

import (
	"cmp"
	"context"
	"strings"

	"orderflow/commands/aggregate"
	"orderflow/domain"
)

// Origin is the sender of a command and its cause. It travels in the context.
type Origin struct {
	Actor     string `json:"actor,omitempty"`     // a customer, an operator, a saga
	Causation string `json:"causation,omitempty"` // the event or request that led to it
	Trace     string `json:"trace,omitempty"`     // W3C traceparent
}

type originKey struct{}

// WithOrigin returns a context whose commands carry o.
func WithOrigin(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

// OriginOf returns what [WithOrigin] put into ctx, or nothing.
func OriginOf(ctx context.Context) Origin {
	o, _ := ctx.Value(originKey{}).(Origin)
	return o
}

// deterministicCause returns the cause of a command whose id is derived from parts,
// so that the same request has the same id wherever and whenever it is sent.
func deterministicCause(ctx context.Context, c Command, correlation domain.OrderID, parts ...string) aggregate.Cause {
	return causeWithID(ctx, c, correlation, domain.Digest(append([]string{c.CommandName()}, parts...)...))
}

// causeWithID returns the cause of a command with the given id. If the id is empty
// it gets a random one, and every sending is another command.
func causeWithID(ctx context.Context, c Command, correlation domain.OrderID, id string) aggregate.Cause {
	o := OriginOf(ctx)
	return aggregate.Cause{
		Command: id, Correlation: string(correlation), Causation: o.Causation, Trace: o.Trace,
		Actor: cmp.Or(o.Actor, "command:"+c.CommandName()),
	}
}

// actor returns "role:name", cut to the length that event metadata can hold.
func actor(role, name string) string {
	s := role + ":" + name
	if len(s) > domain.MaxNameBytes {
		s = strings.ToValidUTF8(s[:domain.MaxNameBytes], "")
	}
	return s
}
