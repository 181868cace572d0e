package domain

import (
	"errors"
	"fmt"
	"strings"
)

// Kind classifies an error. HTTP status, retry, compensation and alerting are
// decided by Kind, never by text.
type Kind uint8

// The kinds of error. Append only: the values cross process boundaries.
const (
	Internal    Kind = iota // a bug or a broken promise; details stay in the log
	Invalid                 // the request can never succeed
	Rejected                // a business rule said no
	NotFound                // nothing has that name
	Conflict                // another writer was first; load again
	Unavailable             // try later; nothing happened
	Mismatch                // the same key came with another body
	Unknown                 // it may or may not have happened; find out before repeating
	Exhausted               // a limit on rate, size or number was reached
	ReadOnly                // the store takes no writes now; reads go on
	Incomplete              // a stream lacks events; nothing can be decided on it until they are restored
)

// kindNames are the kinds' names in metrics, logs and between processes.
var kindNames = [...]string{ //nolint:gochecknoglobals // a constant table
	"internal", "invalid", "rejected", "not_found", "conflict", "unavailable", "mismatch", "unknown", "exhausted", "read_only", "incomplete",
}

// String is the kind's name in metrics, logs and between processes.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return kindNames[Internal]
}

// KindNamed is the kind whose String is name; ok is false for a name that this
// version does not know, which is best taken as Internal.
func KindNamed(name string) (k Kind, ok bool) {
	for i, n := range kindNames {
		if n == name {
			return Kind(i), true
		}
	}
	return Internal, false
}

// Error is a failure with a Kind.
type Error struct {
	Kind Kind
	Text string // for the person who sent the request
	Err  error  // for the operator; may be nil
}

// Error returns the text and the cause. A text may be a sentence: its full stop
// is left out before the colon.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.Text
	}
	text := strings.TrimRight(e.Text, ". ")
	if text == "" {
		return e.Err.Error()
	}
	return text + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// Errorf returns an *Error of the given kind; it wraps no cause.
func Errorf(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Text: fmt.Sprintf(format, args...)}
}

// Wrap returns an *Error of the given kind with err as the operator's cause.
func Wrap(kind Kind, err error, format string, args ...any) *Error {
	return &Error{Kind: kind, Text: fmt.Sprintf(format, args...), Err: err}
}

// KindOf reports the kind of err; errors that are not ours are Internal.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}
