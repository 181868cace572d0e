package eventlog

import (
	"encoding/json"
	"fmt"
	"reflect"

	"orderflow/domain"
)

// Typed is implemented by every event; the name is stored and never changes.
type Typed interface{ EventType() string }

// Codec turns the events of one aggregate into bytes and back.
type Codec[E Typed] map[string]func([]byte) (E, error)

// NewCodec returns a codec for exactly the given cases.
func NewCodec[E Typed](cases ...E) Codec[E] {
	c := make(Codec[E], len(cases))
	for _, e := range cases {
		t := reflect.TypeOf(e)
		c[e.EventType()] = func(data []byte) (zero E, err error) {
			p := reflect.New(t)
			if err := json.Unmarshal(data, p.Interface()); err != nil {
				return zero, err
			}
			return p.Elem().Interface().(E), nil
		}
	}
	return c
}

// Upcast teaches c to read a type that is no longer written: up turns its
// stored data into a case of today. It returns c.
func (c Codec[E]) Upcast(oldType string, up func(data []byte) (E, error)) Codec[E] {
	c[oldType] = up
	return c
}

// WithReader decodes the events of e's type with read. Data that read does not
// read to its end is decoded by encoding/json. It returns c.
func (c Codec[E]) WithReader(e JSONWriterTo, read func(*JSONReader) E) Codec[E] {
	usual := c[e.EventType()]
	c[e.EventType()] = func(data []byte) (E, error) {
		r := JSONReader{rest: data}
		if e := read(&r); r.Done() {
			return e, nil
		}
		return usual(data)
	}
	return c
}

// Encode returns the type and data of e; the caller adds id and meta.
func (c Codec[E]) Encode(e E) (Pending, error) {
	if _, ok := c[e.EventType()]; !ok {
		return Pending{}, domain.Errorf(domain.Internal, "no codec for event %s", e.EventType())
	}
	data, err := marshal(e)
	if err != nil {
		return Pending{}, fmt.Errorf("encode %s: %w", e.EventType(), err)
	}
	return Pending{Type: e.EventType(), Data: data}, nil
}

func marshal(e any) ([]byte, error) {
	if w, ok := e.(JSONWriterTo); ok {
		var p JSONWriter
		if w.WriteJSONTo(&p); !p.fallback {
			return p.data, nil
		}
	}
	return json.Marshal(e)
}

// Decode returns the event r holds; ok is false for types of other aggregates.
func (c Codec[E]) Decode(r Recorded) (e E, ok bool, err error) {
	decode, ok := c[r.Type]
	if !ok {
		return e, false, nil
	}
	if e, err = decode(r.Data); err != nil {
		return e, false, domain.Wrap(domain.Internal, err, "%s at position %d cannot be read", r.Type, r.Position)
	}
	return e, true, nil
}
