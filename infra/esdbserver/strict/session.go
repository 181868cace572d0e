package strict

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/persistent"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// clearTimeout bounds taking away what a question wrote. It is short: a server
// that does not answer has used up the time of the question before.
const clearTimeout = 2 * time.Second

// Session is the connection and names of one question.
type Session struct {
	conn    grpc.ClientConnInterface
	streams streams.StreamsClient
	groups  persistent.PersistentSubscriptionsClient
	stream  string // its own; others begin with it
	as      func(login, password string) (Conn, error)
	written map[string]bool // streams that were begun
}

func newSession(conn grpc.ClientConnInterface, stream string) *Session {
	return &Session{
		conn: conn, streams: streams.NewStreamsClient(conn), groups: persistent.NewPersistentSubscriptionsClient(conn),
		stream: stream, written: map[string]bool{},
	}
}

// wrote notes a stream that clear deletes.
func (s *Session) wrote(stream string) {
	if strings.Contains(stream, s.stream) && !strings.HasPrefix(stream, "$$") {
		s.written[stream] = true
	}
}

// clearing returns the time for taking something away, also after the question's own.
func (s *Session) clearing(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), clearTimeout)
}

// clear deletes what the question wrote, if the server lets it.
func (s *Session) clear(ctx context.Context) {
	ctx, cancel := s.clearing(ctx)
	defer cancel()
	for stream := range s.written {
		_, _ = s.streams.Delete(ctx, &streams.DeleteReq{Options: &streams.DeleteReq_Options{
			StreamIdentifier: identifier(stream), ExpectedStreamRevision: &streams.DeleteReq_Options_Any{Any: empty()},
		}})
	}
}

func empty() *shared.Empty { return &shared.Empty{} }

func identifier(stream string) *shared.StreamIdentifier {
	return &shared.StreamIdentifier{StreamName: []byte(stream)}
}

// event is one to append.
type event struct {
	id       string // a UUID; "" is a new one
	kind     string
	data     []byte
	metadata []byte
}

// named returns events whose types are names.
func named(names ...string) []event {
	list := make([]event, len(names))
	for i, n := range names {
		list[i] = event{kind: n, data: []byte("{}")}
	}
	return list
}

// expectations of an append.
const (
	anyRevision  = -2
	noStream     = -1
	streamExists = -4
)

// append adds events to a stream, with the classic call.
func (s *Session) append(ctx context.Context, stream string, expected int64, events ...event) (*streams.AppendResp, error) {
	call, err := s.streams.Append(ctx)
	if err != nil {
		return nil, err
	}
	o := &streams.AppendReq_Options{StreamIdentifier: identifier(stream)}
	switch expected {
	case anyRevision:
		o.ExpectedStreamRevision = &streams.AppendReq_Options_Any{Any: empty()}
	case noStream:
		o.ExpectedStreamRevision = &streams.AppendReq_Options_NoStream{NoStream: empty()}
	case streamExists:
		o.ExpectedStreamRevision = &streams.AppendReq_Options_StreamExists{StreamExists: empty()}
	default:
		o.ExpectedStreamRevision = &streams.AppendReq_Options_Revision{Revision: uint64(expected)} //nolint:gosec // it is a revision
	}
	requests := []*streams.AppendReq{{Content: &streams.AppendReq_Options_{Options: o}}}
	for _, e := range events {
		if e.id == "" {
			e.id = uuid.NewString()
		}
		requests = append(requests, &streams.AppendReq{Content: &streams.AppendReq_ProposedMessage_{ProposedMessage: &streams.AppendReq_ProposedMessage{
			Id:       &shared.UUID{Value: &shared.UUID_String_{String_: e.id}},
			Metadata: map[string]string{"type": e.kind, "content-type": "application/json"}, Data: e.data, CustomMetadata: e.metadata,
		}}})
	}
	for _, r := range requests {
		if call.Send(r) != nil {
			break // the answer says why
		}
	}
	a, err := call.CloseAndRecv()
	if a.GetSuccess() != nil {
		s.wrote(stream)
	}
	return a, err
}

// must is append for what a question begins with.
func (s *Session) must(ctx context.Context, stream string, events ...event) (position uint64, err error) {
	a, err := s.append(ctx, stream, anyRevision, events...)
	if err != nil {
		return 0, err
	}
	if a.GetSuccess() == nil {
		return 0, fmt.Errorf("an append to %s was answered with %v", stream, a)
	}
	return a.GetSuccess().GetPosition().GetCommitPosition(), nil
}

// appended says in words how an append was answered.
func appended(a *streams.AppendResp, err error) string {
	switch w := a.GetWrongExpectedVersion(); {
	case err != nil:
		return refusal(err)
	case w != nil && w.GetCurrentNoStream() != nil:
		return "wrong expected version, no stream"
	case w != nil:
		return fmt.Sprintf("wrong expected version, revision %d", w.GetCurrentRevision())
	}
	return "taken"
}

// place returns where an append ended.
func place(a *streams.AppendResp, err error) string {
	if a.GetSuccess() == nil {
		return appended(a, err)
	}
	text := fmt.Sprintf("revision %d", a.GetSuccess().GetCurrentRevision())
	if a.GetSuccess().GetPosition() == nil {
		text += ", no position"
	}
	return text
}

// denied is the answer to a caller without the right.
const denied = "PermissionDenied"

const invalidPosition = "Trying to read from an invalid position."

// refusal returns the code of an error, with the words that clients go by.
func refusal(err error) string {
	if err == nil {
		return "taken"
	}
	of := status.Convert(err)
	if of.Code() == codes.InvalidArgument && of.Message() == invalidPosition {
		return of.Code().String() + ": " + invalidPosition
	}
	return of.Code().String()
}

// reading returns a read of all from a position, which change alters.
func reading(commit, prepare uint64, change ...func(*streams.ReadReq_Options)) *streams.ReadReq {
	o := &streams.ReadReq_Options{
		StreamOption: &streams.ReadReq_Options_All{All: &streams.ReadReq_Options_AllOptions{
			AllOption: &streams.ReadReq_Options_AllOptions_Position{Position: &streams.ReadReq_Options_Position{CommitPosition: commit, PreparePosition: prepare}},
		}},
		CountOption:   &streams.ReadReq_Options_Count{Count: 10},
		FilterOption:  &streams.ReadReq_Options_NoFilter{NoFilter: empty()},
		UuidOption:    &streams.ReadReq_Options_UUIDOption{Content: &streams.ReadReq_Options_UUIDOption_String_{String_: empty()}},
		ControlOption: &streams.ReadReq_Options_ControlOption{Compatibility: 1},
	}
	for _, c := range change {
		c(o)
	}
	return &streams.ReadReq{Options: o}
}

func backwards(o *streams.ReadReq_Options) { o.ReadDirection = streams.ReadReq_Options_Backwards }

func subscribe(o *streams.ReadReq_Options) { o.CountOption = &streams.ReadReq_Options_Subscription{} }

func resolved(o *streams.ReadReq_Options) { o.ResolveLinks = true }

// of reads a stream from its start instead of all.
func of(stream string) func(*streams.ReadReq_Options) {
	return func(o *streams.ReadReq_Options) {
		o.StreamOption = &streams.ReadReq_Options_Stream{Stream: &streams.ReadReq_Options_StreamOptions{
			StreamIdentifier: identifier(stream), RevisionOption: &streams.ReadReq_Options_StreamOptions_Start{Start: empty()},
		}}
	}
}

// matching filters by the names of streams.
func matching(regex string, prefixes ...string) func(*streams.ReadReq_Options) {
	return func(o *streams.ReadReq_Options) {
		o.FilterOption = &streams.ReadReq_Options_Filter{Filter: &streams.ReadReq_Options_FilterOptions{
			Filter: &streams.ReadReq_Options_FilterOptions_StreamIdentifier{
				StreamIdentifier: &streams.ReadReq_Options_FilterOptions_Expression{Regex: regex, Prefix: prefixes},
			},
			Window: &streams.ReadReq_Options_FilterOptions_Max{Max: 32}, CheckpointIntervalMultiplier: 1,
		}}
	}
}

// read returns all that a read answers.
func (s *Session) read(ctx context.Context, r *streams.ReadReq) (answers []*streams.ReadResp, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends a subscription
	call, err := s.streams.Read(ctx, r)
	if err != nil {
		return nil, err
	}
	for {
		a, err := call.Recv()
		if errors.Is(err, io.EOF) {
			return answers, nil
		}
		if err != nil {
			return answers, err
		}
		if answers = append(answers, a); a.GetCaughtUp() != nil {
			return answers, nil
		}
	}
}

// types says in words what a read answers: the types of events, and what is
// said beside them.
func types(answers []*streams.ReadResp, err error) string {
	if err != nil {
		return refusal(err)
	}
	list := []string{}
	for _, a := range answers {
		switch c := a.GetContent().(type) {
		case *streams.ReadResp_Event:
			switch e := c.Event; {
			case e.GetEvent() != nil:
				list = append(list, e.GetEvent().GetMetadata()["type"])
			default:
				list = append(list, "link to nothing")
			}
		case *streams.ReadResp_FirstStreamPosition:
			list = append(list, fmt.Sprint("first is ", c.FirstStreamPosition))
		case *streams.ReadResp_StreamNotFound_:
			list = append(list, "no stream")
		}
	}
	return fmt.Sprint(list)
}

// newest is the greatest number, which stands for the end.
const newest = math.MaxUint64
