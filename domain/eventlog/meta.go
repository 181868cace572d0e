package eventlog

import (
	"bytes"
	"encoding/json"
	"time"
)

// Meta says why an event exists. Every field is at most [domain.MaxNameBytes]
// long. Its JSON form is what stores keep that know only JSON; the names with a
// dollar are EventStoreDB's own.
type Meta struct {
	Command     string `json:"command,omitempty"`        // id of the command that was decided
	Correlation string `json:"$correlationId,omitempty"` // the order that all this is about
	Causation   string `json:"$causationId,omitempty"`   // the event or request that led to the command
	Actor       string `json:"actor,omitempty"`          // who asked: a customer, an operator, a saga
	Trace       string `json:"trace,omitempty"`          // W3C traceparent of the request

	// Recorded is set on an event that was copied from another log: when the log
	// in which it happened took it, as [RecordedText] writes it. See [Meta.FirstRecorded].
	Recorded string `json:"recorded,omitempty"`
}

// RecordedText returns the form of [Meta.Recorded]: RFC 3339 in UTC, with as many
// digits below the second as there are, up to nanoseconds.
func RecordedText(at time.Time) string { return at.UTC().Format(time.RFC3339Nano) }

// FirstRecorded returns when an event with m was recorded first: the time that m
// brought from another log, else stored, the time at which this log took it.
// Every log shows it as [Recorded.At], so that a copy has the times of its
// original, also where the server stamps times of its own.
// See docs/adr/013.
func (m Meta) FirstRecorded(stored time.Time) time.Time {
	if m.Recorded == "" {
		return stored
	}
	at, err := time.Parse(time.RFC3339Nano, m.Recorded)
	if err != nil { // another program wrote something else there
		return stored
	}
	return at.UTC()
}

// Encode returns the JSON form of m.
func (m Meta) Encode() []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(m); err != nil {
		return nil // six texts can always be written
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// DecodeMeta reads the JSON form. What other programs wrote beside it is
// passed over; exact says that there is nothing of that kind, so that
// [Meta.Encode] gives the same bytes again.
func DecodeMeta(data []byte) (m Meta, exact bool) {
	if len(data) == 0 || json.Unmarshal(data, &m) != nil {
		return Meta{}, false
	}
	return m, bytes.Equal(m.Encode(), data)
}
