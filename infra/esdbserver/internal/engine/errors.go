package engine

import "fmt"

// WrongExpectedError is the error for an append whose expected version is wrong.
type WrongExpectedError struct {
	Stream   string
	Expected Expected
	Actual   int64 // the last number; -1 if there is none
}

func (e *WrongExpectedError) Error() string {
	return fmt.Sprintf("%s is at %d, not %d", e.Stream, e.Actual, e.Expected)
}

// DeletedError is the error for a stream with a tombstone.
type DeletedError struct{ Stream string }

func (e *DeletedError) Error() string { return fmt.Sprintf("%s is deleted for ever", e.Stream) }

// NotFoundError is the error for a stream without events, or without events since it was deleted.
type NotFoundError struct{ Stream string }

func (e *NotFoundError) Error() string { return fmt.Sprintf("there is no stream %s", e.Stream) }

// TooLargeError is the error for an append above the limit of the node.
type TooLargeError struct{ MaxBytes int }

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("the append is larger than %d bytes", e.MaxBytes)
}
