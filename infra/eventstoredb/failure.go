package eventstoredb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"orderflow/domain"
)

// Operations, as hooks are told.
const (
	operationAppend    = "append"
	operationRead      = "read"
	operationSubscribe = "subscribe"
)

// failure classifies an error of the library.
type failure struct {
	kind   domain.Kind // if it is given up
	again  bool        // the same call may go well the next time
	lost   bool        // if it was an append: it may be stored
	retire bool        // the client is not to be trusted any more
	moved  bool        // the node leads no more, and the client has gone to the one that does
}

// panicError is a panic of the library.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string {
	return fmt.Sprintf("panic in the client: %v\n%s", e.value, e.stack)
}

// guarded turns a panic of f into an error.
func guarded[T any](f func() (T, error)) (v T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{p, debug.Stack()}
		}
	}()
	return f()
}

// classify goes by codes, the library's own first: it makes some of them from
// what the server sends beside the status.
func classify(err error) failure {
	if _, ok := errors.AsType[*panicError](err); ok {
		return failure{kind: domain.Internal, again: true, lost: true, retire: true}
	}
	e, ok := errors.AsType[*esdb.Error](err)
	if !ok {
		return byStatus(err)
	}
	switch e.Code() { //nolint:exhaustive // the others say less than the status in them
	case esdb.ErrorCodeWrongExpectedVersion:
		return failure{kind: domain.Conflict}
	case esdb.ErrorCodeStreamDeleted:
		return failure{kind: domain.Incomplete}
	case esdb.ErrorCodeNotLeader:
		return failure{kind: domain.Unavailable, again: true, moved: true}
	case esdb.ErrorCodeConnectionClosed:
		return failure{kind: domain.Unavailable, again: true, retire: true}
	case esdb.ErrorCodeParsing:
		return failure{kind: domain.Internal}
	}
	return byStatus(e.Err())
}

// byStatus goes by the code of gRPC.
func byStatus(err error) failure {
	if errors.Is(err, io.EOF) { // sending failed: the node had ended the call before all was sent
		return failure{kind: domain.Unavailable, again: true}
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return failure{kind: domain.Unavailable, again: true, lost: true, retire: true}
	case errors.Is(err, context.Canceled):
		return failure{kind: domain.Unavailable, again: true, lost: true}
	}
	switch status.Code(err) {
	case codes.PermissionDenied:
		return failure{kind: domain.ReadOnly}
	case codes.Unauthenticated:
		return failure{kind: domain.Unavailable}
	case codes.InvalidArgument, codes.ResourceExhausted, codes.OutOfRange:
		return failure{kind: domain.Invalid}
	case codes.Unimplemented, codes.FailedPrecondition, codes.DataLoss, codes.AlreadyExists:
		return failure{kind: domain.Internal}
	case codes.NotFound: // a node that leads no more, or another server altogether
		return failure{kind: domain.Unavailable, again: true, retire: true}
	case codes.Unknown: // a node that knows no leader, or whatever else failed there
		return failure{kind: domain.Unavailable, again: true, lost: true, retire: true}
	case codes.Unavailable, codes.Canceled, codes.DeadlineExceeded:
		return failure{kind: domain.Unavailable, again: true, lost: true, retire: true}
	case codes.Aborted: // it took too long there
		return failure{kind: domain.Unavailable, again: true, lost: true}
	case codes.OK, codes.Internal:
	}
	return failure{kind: domain.Internal, again: true, lost: true}
}

// isNotFound reports whether the server answered that there is no such stream; a
// status of that name is something else.
func isNotFound(err error) bool {
	e, ok := errors.AsType[*esdb.Error](err)
	if !ok || e.Code() != esdb.ErrorCodeResourceNotFound {
		return false
	}
	_, isStatus := errors.AsType[interface {
		error
		GRPCStatus() *status.Status
	}](e.Err())
	return !isStatus
}

// sentInPart reports whether an append failed before all of it was sent: then nothing
// of it is stored. The library wraps its errors in that case only.
func sentInPart(err error) bool {
	_, direct := err.(*esdb.Error) //nolint:errorlint // whether it is wrapped is the question
	_, found := errors.AsType[*esdb.Error](err)
	return found && !direct
}

// denied says what to do. Ordinary streams are open to every user by default,
// so it is mostly $all that is missing.
const denied = " denies access; give the user of the connection string the right to read $all (orderflow eventstore user grant) " +
	"and to read and write streams"

// give wraps err for the caller of an operation that is given up.
func (l *Log) give(operation string, f failure, err error) error {
	if f.kind == domain.ReadOnly && operation != operationAppend {
		f.kind = domain.Unavailable // reads do not go on
	}
	l.opts.Hooks.Failed(operation, f.kind)
	if e, ours := errors.AsType[*domain.Error](err); ours && e.Kind == f.kind {
		return err
	}
	text := "EventStoreDB at " + l.calls.name
	switch f.kind {
	case domain.ReadOnly:
		text += denied
	case domain.Incomplete:
		text += " says that the stream was deleted for ever"
	case domain.Invalid:
		text += " refuses the request"
	case domain.Unavailable:
		switch status.Code(err) {
		case codes.Unauthenticated:
			text += " refuses the user or password of the connection string"
		case codes.PermissionDenied:
			text += denied
		default:
			text += " did not answer as it should; try again later"
		}
	case domain.Unknown:
		text = "It is not known whether EventStoreDB at " + l.calls.name + " has stored the events; send the request again to find out"
	default:
		text += " cannot do this"
	}
	return domain.Wrap(f.kind, err, "%s", text)
}
