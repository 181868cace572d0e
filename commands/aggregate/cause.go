package aggregate

import (
	"crypto/rand"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// Cause is the reason for a change of a stream; it is stored with the events. Every text is at most
// [domain.MaxNameBytes] long.
type Cause struct {
	// Command is the id of the logical request. The ids of its events are
	// derived from it, their data and their index, so a repeated append of the
	// very same events is recognised by the log. Empty means a random one.
	Command     string
	Correlation string // the order that all this is about
	Causation   string // the event or request that led to the command
	Actor       string // the sender: a customer, an operator, a saga
	Trace       string // W3C traceparent of the request

	// Fresh says that the stream probably does not exist yet. If it is not cached, the
	// command is decided on the empty state and appended without reading. A wrong
	// guess costs one refused append.
	Fresh bool
}

// NewCause is the cause of a command that has no natural key; the decision
// itself has to recognise a repeat.
func NewCause(order domain.OrderID, actor string) Cause {
	return Cause{Command: randomID(), Correlation: string(order), Actor: actor}
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
