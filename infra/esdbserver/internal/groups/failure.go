package groups

import (
	"errors"
	"fmt"
)

// Kind is the kind of an [Error].
type Kind int

// The kinds.
const (
	NotFound Kind = iota + 1
	Exists
	Failed         // the request makes no sense; Reason says why
	TooManyClients // one more is not allowed
	Dropped        // the group was changed, deleted or restarted
	Closed         // the node is closing
	Invalid        // an argument is out of its range; Reason says which
)

// Error is the error of a request about a group. Other errors are the engine's.
type Error struct {
	Kind   Kind
	Key    Key
	Reason string
}

func (e *Error) Error() string {
	what := map[Kind]string{
		NotFound: "does not exist", Exists: "already exists", Failed: "failed",
		TooManyClients: "has as many clients as it takes", Dropped: "was dropped", Closed: "is closing with the node", Invalid: "cannot be as it is asked for",
	}[e.Kind]
	text := fmt.Sprintf("the persistent subscription %s %s", e.Key, what)
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	return text
}

// KindOf returns the kind of an [Error], 0 for any other.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return 0
}
