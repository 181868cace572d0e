package commands

import (
	"cmp"
	"context"
	"crypto/rand"
	"strings"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// Cause says why a stream is about to change. Every text is at most
// [domain.MaxNameBytes] long.
type Cause struct {
	// Command is the id of the logical request. The ids of its events are
	// derived from it, their data and their index, so a repeated append of the
	// very same events is recognised by the log. Empty means a random one.
	Command     string
	Correlation string // the order that all this is about
	Causation   string // the event or request that led to the command
	Actor       string // who asks: a customer, an operator, a saga
	Trace       string // W3C traceparent of the request

	// Fresh says that the stream probably does not exist yet: if nothing is
	// known of it, the command is decided on the empty state and appended
	// without reading. A wrong guess costs one refused append.
	Fresh bool
}

// NewCause is the cause of a command that has no natural key; the decision
// itself has to recognise a repeat.
func NewCause(order domain.OrderID, actor string) Cause {
	return Cause{Command: randomID(), Correlation: string(order), Actor: actor}
}

// Origin is who sent a command and what led to it. It travels beside the
// command, in the context.
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

// because is the cause of a command: it is named by what it is about, so that
// the same request has the same id wherever and whenever it is sent.
func because(ctx context.Context, c Command, correlation domain.OrderID, parts ...string) Cause {
	return once(ctx, c, correlation, domain.Digest(append([]string{c.CommandName()}, parts...)...))
}

// once is the cause of a command with an id of its own, or with a random one
// if that is empty: then every sending is another command.
func once(ctx context.Context, c Command, correlation domain.OrderID, id string) Cause {
	o := OriginOf(ctx)
	return Cause{
		Command: id, Correlation: string(correlation), Causation: o.Causation, Trace: o.Trace,
		Actor: cmp.Or(o.Actor, "command:"+c.CommandName()),
	}
}

// actor names who asks, within what an event's meta holds.
func actor(role, name string) string {
	s := role + ":" + name
	if len(s) > domain.MaxNameBytes {
		s = strings.ToValidUTF8(s[:domain.MaxNameBytes], "")
	}
	return s
}

func (c Cause) check() error {
	for _, s := range []string{c.Command, c.Correlation, c.Causation, c.Actor, c.Trace} {
		if len(s) > domain.MaxNameBytes {
			return domain.Errorf(domain.Invalid, "%.20q… has %d bytes; at most %d are allowed.", s, len(s), domain.MaxNameBytes)
		}
	}
	return nil
}

func (c Cause) meta() eventlog.Meta {
	return eventlog.Meta{Command: c.Command, Correlation: c.Correlation, Causation: c.Causation, Actor: c.Actor, Trace: c.Trace}
}

func randomID() string { return rand.Text() }
