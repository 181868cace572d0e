package eventlog

import (
	"bytes"
	"encoding/json"
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
}

// Encode returns the JSON form of m.
func (m Meta) Encode() []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(m); err != nil {
		return nil // five texts can always be written
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
