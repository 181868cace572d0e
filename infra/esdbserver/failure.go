package esdbserver

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"unicode"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"orderflow/domain"
	"orderflow/infra/esdbserver/internal/engine"
)

// The names of trailers that tell clients what went wrong.
const (
	trailerException = "exception"
	trailerStream    = "stream-name"
	trailerExpected  = "expected-version"
	trailerActual    = "actual-version"
	trailerMaxAppend = "maximum-append-size"
	trailerRequired  = "required-metadata-properties"
)

// fail returns the gRPC status for an error and sets its trailers. It returns an
// error that is a status already unchanged.
func (s *Server) fail(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := status.FromError(err); ok {
		return err
	}
	if wrong, ok := errors.AsType[*engine.WrongExpectedError](err); ok { // of an append it is an answer, and no error
		return failed(ctx, codes.FailedPrecondition, wrongText("Delete", wrong), "wrong-expected-version",
			trailerStream, wrong.Stream, trailerExpected, strconv.FormatInt(int64(wrong.Expected), 10),
			trailerActual, strconv.FormatInt(wrong.Actual, 10))
	}
	if deleted, ok := errors.AsType[*engine.DeletedError](err); ok {
		return failed(ctx, codes.FailedPrecondition, "Event stream '"+printable(deleted.Stream)+"' is deleted.", "stream-deleted",
			trailerStream, deleted.Stream)
	}
	if missing, ok := errors.AsType[*engine.NotFoundError](err); ok {
		return failed(ctx, codes.NotFound, "Event stream '"+printable(missing.Stream)+"' was not found.", "stream-not-found",
			trailerStream, missing.Stream)
	}
	if large, ok := errors.AsType[*engine.TooLargeError](err); ok {
		n := strconv.Itoa(large.MaxBytes)
		return failed(ctx, codes.InvalidArgument, "Maximum Append Size of "+n+" Exceeded.", "maximum-append-size-exceeded", trailerMaxAppend, n)
	}
	if ctx.Err() != nil {
		return status.FromContextError(ctx.Err()).Err()
	}
	return s.failedBelow(err)
}

// failedBelow returns the status for an error of the log.
func (s *Server) failedBelow(err error) error {
	switch domain.KindOf(err) {
	case domain.Invalid:
		return status.Error(codes.InvalidArgument, err.Error())
	case domain.Unavailable, domain.ReadOnly, domain.Exhausted:
		return status.Error(codes.Unavailable, "Server Is Not Ready: "+err.Error())
	case domain.Unknown:
		return status.Error(codes.Aborted, "Operation timed out: "+err.Error())
	default:
		s.logger.Error("a call failed", "error", err)
		return status.Error(codes.Unknown, "Exception was thrown by handler.")
	}
}

func wrongText(what string, e *engine.WrongExpectedError) string {
	return what + " failed due to WrongExpectedVersion. Stream: " + printable(e.Stream) +
		", Expected version: " + strconv.FormatInt(int64(e.Expected), 10) + ", Actual version: " + strconv.FormatInt(e.Actual, 10)
}

// failed makes an answer with an exception and further trailers, name and value in turn.
func failed(ctx context.Context, code codes.Code, text, exception string, further ...string) error {
	trailers := metadata.MD{trailerException: {exception}}
	for i := 0; i+1 < len(further); i += 2 {
		trailers.Set(further[i], printable(further[i+1]))
	}
	_ = grpc.SetTrailer(ctx, trailers) // fails only outside a call
	return status.Error(code, text)
}

// printable removes characters that a header cannot carry.
func printable(text string) string {
	if strings.IndexFunc(text, unicode.IsControl) < 0 {
		return strings.ToValidUTF8(text, "")
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
}

func invalid(text string) error { return status.Error(codes.InvalidArgument, text) }

// thrown is the error with which EventStoreDB answers an exception of its own code.
func thrown() error { return status.Error(codes.Unknown, "Exception was thrown by handler.") }
