package kafka

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"orderflow/domain"
	"orderflow/domain/catalog"
	"orderflow/domain/eventlog"
	"orderflow/domain/fulfilment"
	"orderflow/domain/inventory"
	"orderflow/domain/order"
	"orderflow/domain/payment"
	"orderflow/domain/shipment"
)

// Reason is the code why a message was dead-lettered.
type Reason string

// The reasons.
const (
	MissingHeader Reason = "missing_header"
	BadHeader     Reason = "bad_header"
	WrongKey      Reason = "wrong_key"
	UnknownType   Reason = "unknown_type"   // of events
	FutureVersion Reason = "future_version" // of a type that is known
	BadBody       Reason = "bad_body"
	Panicked      Reason = "panic"   // in the handler
	Failing       Reason = "failing" // the handler, at every try
)

// UnreadableError is the error for a message that this version of the program cannot read.
type UnreadableError struct {
	Reason Reason
	Text   string
}

func (u UnreadableError) Error() string { return u.Text }

func unreadable(why Reason, format string, args ...any) error {
	u := UnreadableError{Reason: why, Text: fmt.Sprintf(format, args...)}
	return domain.Wrap(domain.Invalid, u, "The message cannot be read")
}

// eventRegistry holds the categories, types and decoders of all events of the domain.
type eventRegistry struct {
	categories []string
	types      map[string]eventType
}

// eventType is the category and decoder of one type of event.
type eventType struct {
	category string
	decode   func([]byte) error
}

func newEventRegistry() eventRegistry {
	v := eventRegistry{types: map[string]eventType{}}
	register(&v, order.Category, order.Codec)
	register(&v, inventory.Category, inventory.Codec)
	register(&v, payment.Category, payment.Codec)
	register(&v, shipment.Category, shipment.Codec)
	register(&v, catalog.Category, catalog.Codec)
	register(&v, fulfilment.Category, fulfilment.Codec)
	return v
}

func register[E eventlog.Typed](v *eventRegistry, category string, codec eventlog.Codec[E]) {
	v.categories = append(v.categories, category)
	for name, decode := range codec {
		v.types[name] = eventType{category, func(data []byte) error { _, err := decode(data); return err }}
	}
}

// check returns an [UnreadableError] for an event that no aggregate can decode.
func (v eventRegistry) check(r eventlog.Recorded) error {
	w, ok := v.types[r.Type]
	switch {
	case !ok && v.knowsOther(r.Type):
		return unreadable(FutureVersion, "%.80q is of a version that is not known here", r.Type)
	case !ok:
		return unreadable(UnknownType, "%.80q is no type of event that is known here", r.Type)
	case w.category != r.Stream.Category():
		return unreadable(BadHeader, "%s does not belong into stream %.40q", r.Type, r.Stream)
	case len(bytes.TrimSpace(r.Data)) == 0 || bytes.TrimSpace(r.Data)[0] != '{':
		return unreadable(BadBody, "the body of %s is no JSON object", r.Type)
	}
	if err := w.decode(r.Data); err != nil {
		return unreadable(BadBody, "the body of %s cannot be read: %.200v", r.Type, err)
	}
	return nil
}

// knowsOther reports whether another version of a type is known.
func (v eventRegistry) knowsOther(name string) bool {
	stem, version, ok := cutLast(name, ".v")
	if !ok || strings.Trim(version, "0123456789") != "" {
		return false
	}
	for known := range v.types {
		if s, _, _ := cutLast(known, ".v"); s == stem {
			return true
		}
	}
	return false
}

func cutLast(s, sep string) (before, after string, ok bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// wanted reports whether a stream is of one of the categories; no categories mean all.
func wanted(s eventlog.Stream, categories []string) bool {
	return len(categories) == 0 || slices.Contains(categories, s.Category())
}

// has reports whether a category is one of the domain's.
func (v eventRegistry) has(category string) bool { return slices.Contains(v.categories, category) }
