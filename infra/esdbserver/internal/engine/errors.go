package engine

import "fmt"

// WrongExpectedError says that a stream is not where the writer believed.
type WrongExpectedError struct {
	Stream   string
	Expected Expected
	Actual   int64 // the last number; -1 if there is none
}

func (e *WrongExpectedError) Error() string {
	return fmt.Sprintf("%s is at %d, not %d", e.Stream, e.Actual, e.Expected)
}

// DeletedError says that a stream ended for ever.
type DeletedError struct{ Stream string }

func (e *DeletedError) Error() string { return fmt.Sprintf("%s is deleted for ever", e.Stream) }

// NotFoundError says that a stream has no events, or none since it was deleted.
type NotFoundError struct{ Stream string }

func (e *NotFoundError) Error() string { return fmt.Sprintf("there is no stream %s", e.Stream) }

// TooLargeError says that an append is over what a node takes.
type TooLargeError struct{ MaxBytes int }

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("the append is larger than %d bytes", e.MaxBytes)
}
