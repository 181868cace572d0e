package strict

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/emptypb"
)

// Sizes that questions append.
const (
	megabyte = 1 << 20
	// totalBytes is more than any append may have in all, in parts that fit into messages.
	totalBytes = 17 * megabyte
)

// batch appends one event of a type to a stream with the newer call and returns
// the name of what the answer holds.
func (s *Session) batch(ctx context.Context, stream, kind string) (string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	call, err := s.streams.BatchAppend(ctx)
	if err != nil {
		return "", err
	}
	if err := call.Send(&streams.BatchAppendReq{
		CorrelationId: &shared.UUID{Value: &shared.UUID_String_{String_: uuid.NewString()}}, IsFinal: true,
		Options: &streams.BatchAppendReq_Options{
			StreamIdentifier: identifier(stream), ExpectedStreamPosition: &streams.BatchAppendReq_Options_Any{Any: &emptypb.Empty{}},
		},
		ProposedMessages: []*streams.BatchAppendReq_ProposedMessage{{
			Id:       &shared.UUID{Value: &shared.UUID_String_{String_: uuid.NewString()}},
			Metadata: map[string]string{"type": kind, "content-type": "application/json"}, Data: []byte("{}"),
		}},
	}); err != nil && !errors.Is(err, io.EOF) { // the answer says why it ended
		return "", err
	}
	answer, err := call.Recv()
	if err != nil {
		return refusal(err), nil
	}
	failed := answer.GetError()
	if failed == nil {
		return "taken", nil
	}
	if len(failed.GetDetails()) == 0 {
		return codes.Code(failed.GetCode()).String(), nil //nolint:gosec // a code
	}
	detail, err := failed.GetDetails()[0].UnmarshalNew()
	if err != nil {
		return "", err
	}
	return string(detail.ProtoReflect().Descriptor().Name()), nil
}

func (s *Session) tombstone(ctx context.Context, stream string) error {
	_, err := s.streams.Tombstone(ctx, &streams.TombstoneReq{Options: &streams.TombstoneReq_Options{
		StreamIdentifier: identifier(stream), ExpectedStreamRevision: &streams.TombstoneReq_Options_Any{Any: empty()},
	}})
	return err
}

func (s *Session) delete(ctx context.Context, stream string, expected uint64) error {
	_, err := s.streams.Delete(ctx, &streams.DeleteReq{Options: &streams.DeleteReq_Options{
		StreamIdentifier: identifier(stream), ExpectedStreamRevision: &streams.DeleteReq_Options_Revision{Revision: expected},
	}})
	return err
}

// one appends events to the question's stream and says whether they were taken.
func one(events ...event) func(context.Context, *Session) (string, error) {
	return func(ctx context.Context, s *Session) (string, error) {
		return appended(s.append(ctx, s.stream, anyRevision, events...)), nil
	}
}

// twice appends events and then others, and says where the second append ended.
func twice(first, second []event) func(context.Context, *Session) (string, error) {
	return func(ctx context.Context, s *Session) (string, error) {
		if _, err := s.must(ctx, s.stream, first...); err != nil {
			return "", err
		}
		return place(s.append(ctx, s.stream, anyRevision, second...)), nil
	}
}

// parts are events with metadata that have a size in all.
func parts(bytes int) (list []event) {
	for ; bytes > 0; bytes -= megabyte {
		list = append(list, event{kind: "a", data: []byte("{}"), metadata: []byte(`"` + strings.Repeat("m", min(bytes, megabyte)) + `"`)})
	}
	return list
}

func appends() []Question {
	const part = "appends"
	a := event{id: "0e8f3c52-6a5d-4d0e-9d55-0a6f3b1b7c0a", kind: "a", data: []byte("{}")}
	b := event{id: "0e8f3c52-6a5d-4d0e-9d55-0a6f3b1b7c0b", kind: "b", data: []byte("{}")}
	return append(names(),
		Question{Part: part, Asked: "more than 1 MiB of data", Real: "InvalidArgument", Ask: one(event{kind: "a", data: make([]byte, megabyte+1)})},
		Question{
			Part: part, Asked: "1 MiB of metadata", Real: "InvalidArgument", Want: "taken",
			Reason: "official servers up to 24.6 count data alone, and suites of clients rely on it", Ask: one(parts(megabyte)...),
		},
		Question{
			Part: part, Asked: "1 MiB of data and the name of the type", Real: "InvalidArgument", Want: "taken",
			Reason: "official servers up to 24.6 count data alone, and suites of clients rely on it",
			Ask:    one(event{kind: strings.Repeat("t", 100), data: make([]byte, megabyte-100)}),
		},
		Question{Part: part, Asked: "17 MiB of metadata", Real: "InvalidArgument", Ask: one(parts(totalBytes)...)},
		Question{Part: part, Asked: "any revision, with an id that stands there twice", Real: "revision 0, no position", Ask: twice([]event{a, a}, []event{a, a})},
		Question{
			Part: part, Asked: "any revision, with known ids in another order", Real: "DeadlineExceeded", Want: "revision 0",
			Reason: "there it is not answered until the deadline", Harmful: true, Ask: twice([]event{a, b}, []event{b, a}),
		},
		Question{
			Part: part, Asked: "no events to a tombstoned stream", Real: "Aborted", Want: "FailedPrecondition", Reason: "there the server ends itself", Harmful: true,
			Ask: func(ctx context.Context, s *Session) (string, error) {
				if _, err := s.must(ctx, s.stream, a); err != nil {
					return "", err
				}
				if err := s.tombstone(ctx, s.stream); err != nil {
					return "", err
				}
				return appended(s.append(ctx, s.stream, anyRevision)), nil
			},
		},
		Question{
			Part: part, Asked: "an append to $all", Real: "PermissionDenied", Harmful: true, // an insecure server makes a stream of that name
			Ask: func(ctx context.Context, s *Session) (string, error) {
				return appended(s.append(ctx, "$all", anyRevision, named("a")...)), nil
			},
		},
		Question{
			Part: part, Asked: "a batch to $all", Real: "AccessDenied", Harmful: true,
			Ask: func(ctx context.Context, s *Session) (string, error) { return s.batch(ctx, "$all", "a") },
		},
		Question{
			Part: part, Asked: "a delete of $all", Real: "PermissionDenied", Harmful: true,
			Ask: func(ctx context.Context, s *Session) (string, error) { return refusal(s.delete(ctx, "$all", 0)), nil },
		},
		Question{
			Part: part, Asked: "read 40 events that begin behind the first page", Real: "[first is 33 a]",
			Ask: firstPage(33),
		},
		Question{
			Part: part, Asked: "read 40 events that begin behind the last of the first page", Real: "[first is 32 a a]", Ask: firstPage(32),
		},
		Question{
			Part: part, Asked: "read 40 events that begin within the first page", Real: "[a a a]", Ask: firstPage(31),
		},
		Question{
			Part: part, Asked: "a regular expression that is none", Real: "Unknown", Want: "InvalidArgument", Reason: threwThere,
			Ask: func(ctx context.Context, s *Session) (string, error) {
				return types(s.read(ctx, reading(0, 0, matching("(")))), nil
			},
		},
	)
}

// firstPage reads a stream of 34 events of which those below a number are truncated.
func firstPage(truncate int) func(context.Context, *Session) (string, error) {
	return func(ctx context.Context, s *Session) (string, error) {
		events := named(strings.Split(strings.Repeat("a", 34), "")...)
		if _, err := s.must(ctx, s.stream, events...); err != nil {
			return "", err
		}
		if _, err := s.must(ctx, "$$"+s.stream, describing(`{"$tb":%d}`, truncate)); err != nil {
			return "", err
		}
		return types(s.read(ctx, reading(0, 0, of(s.stream), func(o *streams.ReadReq_Options) {
			o.CountOption = &streams.ReadReq_Options_Count{Count: 40}
		}))), nil
	}
}

// longestName is the largest length, in bytes, of a name or type that the table
// wants taken.
const longestName = 64<<10 - 1

// typed appends an event with a type of so many bytes and says how long it is
// when it is read.
func typed(bytes int) func(context.Context, *Session) (string, error) {
	return func(ctx context.Context, s *Session) (string, error) {
		if answer := appended(s.append(ctx, s.stream, anyRevision, named(strings.Repeat("t", bytes))...)); answer != "taken" {
			return answer, nil
		}
		answers, err := s.read(ctx, reading(0, 0, of(s.stream)))
		return fmt.Sprintf("[%d]", len(strings.Trim(types(answers, err), "[]"))), nil
	}
}

// names are questions about what things may be called.
func names() []Question {
	const part = "names"
	long := func(bytes int) func(context.Context, *Session) (string, error) {
		return func(ctx context.Context, s *Session) (string, error) {
			stream := s.stream + strings.Repeat("n", bytes-len(s.stream))
			if answer := appended(s.append(ctx, stream, noStream, named("a")...)); answer != "taken" {
				return answer, nil
			}
			return types(s.read(ctx, reading(0, 0, of(stream)))), nil
		}
	}
	return []Question{
		{Part: part, Asked: "a stream of 2,000 characters", Real: "[a]", Ask: long(2_000)},
		{Part: part, Asked: "a stream of 10,000 characters", Real: "[a]", Ask: long(10_000)},
		{Part: part, Asked: "a stream of 70,000 characters", Real: "InvalidArgument", Ask: long(70_000), Harmful: true}, // what a real server does was not seen
		{Part: part, Asked: "a type of 2,000 characters", Real: "[2000]", Ask: typed(2_000)},
		{Part: part, Asked: "a type of 65,535 characters", Real: "[65535]", Ask: typed(longestName), Harmful: true},                                                     // likewise
		{Part: part, Asked: "a type of 65,536 characters", Real: "[65536]", Want: "InvalidArgument", Reason: twoByteLength, Ask: typed(longestName + 1), Harmful: true}, // likewise
		{
			Part: part, Asked: "a stream without a name", Real: "Unknown", Want: "InvalidArgument", Reason: threwThere,
			Ask: func(ctx context.Context, s *Session) (string, error) {
				return appended(s.append(ctx, "", anyRevision, named("a")...)), nil
			},
		},
		{
			Part: part, Asked: "an event without a type, in a batch", Real: "BadRequest",
			Ask: func(ctx context.Context, s *Session) (string, error) { return s.batch(ctx, s.stream, "") },
		},
		{
			Part: part, Asked: "an error about a stream whose name is not plain ASCII", Real: "Unknown", Want: "FailedPrecondition",
			Reason: "there the trailer breaks the answer, and the client is not told why",
			Ask: func(ctx context.Context, s *Session) (string, error) {
				if _, err := s.must(ctx, s.stream+"-ä", named("a")...); err != nil {
					return "", err
				}
				return refusal(s.delete(ctx, s.stream+"-ä", 7)), nil
			},
		},
	}
}
