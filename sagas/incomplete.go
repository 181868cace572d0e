package sagas

import (
	"errors"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// Incomplete returns the reason with which a saga calls for a person when err
// says that a stream lacks events: it names the stream and what is missing. ok
// is false for every other error, and for none.
//
// A saga that meets such a stream makes no outside call and records nothing but
// that call for a person, which is an event of the fulfilment. If the fulfilment
// itself lacks events, nothing can be recorded: then the look fails with the error.
func Incomplete(err error) (reason string, ok bool) {
	e, ok := errors.AsType[*domain.Error](err)
	if !ok || e.Kind != domain.Incomplete {
		return "", false
	}
	return e.Text, true
}

// ErrGone returns the error of a stream that reads as empty although another stream
// shows that it had events: the log lost them without reporting it.
func ErrGone(s eventlog.Stream) error { return eventlog.ErrIncomplete(s, 1, 0) }
