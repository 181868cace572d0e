// Package fitness finds out whether an EventStoreDB, or a node of ours, fits
// orderflow: its version, who leads, what the user may do, how much one append
// takes, and its clock. It asks over a plain gRPC connection and writes to one
// stream of its own, which it deletes.
//
//	Look ─▶ version ─▶ leader ─▶ rights ─▶ largest append ─▶ clock ─▶ projections ─▶ findings
package fitness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// CallTimeout bounds each call: a server that takes longer is of no use.
const CallTimeout = 5 * time.Second

// State says what a finding means for orderflow.
type State string

// The states.
const (
	Fits    State = "fits"
	Warns   State = "warns"   // it runs, with a drawback
	Lacks   State = "lacks"   // it does not run, or not rightly
	Unknown State = "unknown" // it could not be found out, and orderflow needs it
)

// Finding is one fact about a server.
type Finding struct {
	Subject string `json:"subject"`
	State   State  `json:"state"`
	Text    string `json:"text"`
}

// Server is a server under test.
type Server struct {
	Conn       grpc.ClientConnInterface
	Login      string   // of the user, for texts; "" if anonymous
	Stream     string   // its own stream
	Categories []string // of the streams that orderflow writes
	Now        func() time.Time
}

// Look finds out what it can. Every call is bounded; one that is not answered
// is a finding too.
func (s Server) Look(ctx context.Context) (list []Finding) {
	if s.Now == nil {
		s.Now = time.Now
	}
	for _, look := range []func(context.Context) []Finding{s.rights, s.largest, s.clock, s.projections, s.deletes} {
		list = append(list, look(ctx)...)
	}
	return list
}

func one(subject string, state State, format string, args ...any) []Finding {
	return []Finding{{subject, state, fmt.Sprintf(format, args...)}}
}

// said is what a server answered to a call, besides the messages.
type said struct {
	err      error
	trailers metadata.MD
}

func (a said) code() codes.Code { return status.Code(a.err) }

// denied reports whether the user is refused, or what it wants to do.
func (a said) denied() bool {
	return a.code() == codes.PermissionDenied || a.code() == codes.Unauthenticated
}

// ofStreams reports whether a read was answered as a server of streams does:
// with events, with none, or with a refusal of the user.
func (a said) ofStreams() bool { return a.err == nil || a.denied() }

// trailer returns the value of a trailer, "" if there is none.
func (a said) trailer(name string) string {
	if v := a.trailers.Get(name); len(v) > 0 {
		return v[0]
	}
	return ""
}

// words returns the failure for a person.
func (a said) words() string {
	switch a.code() { //nolint:exhaustive // the others speak for themselves
	case codes.DeadlineExceeded:
		return fmt.Sprintf("no answer within %v", CallTimeout)
	case codes.Unauthenticated:
		return "the user or its password is refused"
	}
	of := status.Convert(a.err)
	return fmt.Sprintf("%s: %s", of.Code(), of.Message())
}

// read reads up to a number of events.
func (s Server) read(ctx context.Context, o *streams.ReadReq_Options) (list []*streams.ReadResp_ReadEvent_RecordedEvent, a said) {
	ctx, cancel := context.WithTimeout(ctx, CallTimeout)
	defer cancel()
	if o.FilterOption == nil {
		o.FilterOption = &streams.ReadReq_Options_NoFilter{NoFilter: &shared.Empty{}}
	}
	o.UuidOption = &streams.ReadReq_Options_UUIDOption{Content: &streams.ReadReq_Options_UUIDOption_String_{String_: &shared.Empty{}}}
	call, err := streams.NewStreamsClient(s.Conn).Read(ctx, &streams.ReadReq{Options: o})
	if err != nil {
		return nil, said{err: err}
	}
	for {
		answer, err := call.Recv()
		if errors.Is(err, io.EOF) {
			return list, said{}
		}
		if err != nil {
			return list, said{err, call.Trailer()}
		}
		if e := answer.GetEvent().GetEvent(); e != nil {
			list = append(list, e)
		}
	}
}

// ofAll reads the newest events of $all.
func ofAll(count uint64) *streams.ReadReq_Options {
	return &streams.ReadReq_Options{
		StreamOption: &streams.ReadReq_Options_All{All: &streams.ReadReq_Options_AllOptions{
			AllOption: &streams.ReadReq_Options_AllOptions_End{End: &shared.Empty{}},
		}},
		ReadDirection: streams.ReadReq_Options_Backwards, CountOption: &streams.ReadReq_Options_Count{Count: count},
	}
}

// newestOf reads the newest event of a stream.
func newestOf(stream string) *streams.ReadReq_Options {
	return &streams.ReadReq_Options{
		StreamOption: &streams.ReadReq_Options_Stream{Stream: &streams.ReadReq_Options_StreamOptions{
			StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte(stream)},
			RevisionOption:   &streams.ReadReq_Options_StreamOptions_End{End: &shared.Empty{}},
		}},
		ReadDirection: streams.ReadReq_Options_Backwards, CountOption: &streams.ReadReq_Options_Count{Count: 1},
	}
}

// append appends events of sizes to a stream, which has to exist if mustExist.
// wrong says that the server refuses that it does not.
func (s Server) append(ctx context.Context, stream string, mustExist bool, bytes ...int) (wrong bool, a said) {
	ctx, cancel := context.WithTimeout(ctx, CallTimeout)
	defer cancel()
	call, err := streams.NewStreamsClient(s.Conn).Append(ctx)
	if err != nil {
		return false, said{err: err}
	}
	o := &streams.AppendReq_Options{StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte(stream)}}
	if mustExist {
		o.ExpectedStreamRevision = &streams.AppendReq_Options_StreamExists{StreamExists: &shared.Empty{}}
	} else {
		o.ExpectedStreamRevision = &streams.AppendReq_Options_Any{Any: &shared.Empty{}}
	}
	err = call.Send(&streams.AppendReq{Content: &streams.AppendReq_Options_{Options: o}})
	for i := 0; i < len(bytes) && err == nil; i++ {
		err = call.Send(&streams.AppendReq{Content: &streams.AppendReq_ProposedMessage_{ProposedMessage: &streams.AppendReq_ProposedMessage{
			Id:       &shared.UUID{Value: &shared.UUID_String_{String_: uuid.NewString()}},
			Metadata: map[string]string{"type": eventType, "content-type": "application/octet-stream"}, Data: make([]byte, bytes[i]),
		}}})
	}
	answer, err := call.CloseAndRecv() // it says what went wrong before
	return answer.GetWrongExpectedVersion() != nil, said{err, call.Trailer()}
}

// delete deletes the server's own stream.
func (s Server) delete(ctx context.Context) said {
	ctx, cancel := context.WithTimeout(ctx, CallTimeout)
	defer cancel()
	var trailers metadata.MD
	_, err := streams.NewStreamsClient(s.Conn).Delete(ctx, &streams.DeleteReq{Options: &streams.DeleteReq_Options{
		StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte(s.Stream)}, ExpectedStreamRevision: &streams.DeleteReq_Options_Any{Any: &shared.Empty{}},
	}}, grpc.Trailer(&trailers))
	return said{err, trailers}
}
