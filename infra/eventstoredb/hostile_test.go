package eventstoredb_test

import (
	"context"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/serverfeatures"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/eventstoredb"
)

// hostile answers as no node does, or as few do.
type hostile struct {
	streams.UnimplementedStreamsServer
	serverfeatures.UnimplementedServerFeaturesServer
	append func(streams.Streams_AppendServer) error
	read   func(*streams.ReadReq, streams.Streams_ReadServer) error // by default there is no such stream
	end    uint64                                                   // if it is not 0, readings of $all backwards are answered with an event there
	old    bool                                                     // its version is from before servers said that a subscription has caught up
}

func (h *hostile) GetSupportedMethods(context.Context, *shared.Empty) (*serverfeatures.SupportedMethods, error) {
	if h.old {
		return &serverfeatures.SupportedMethods{EventStoreServerVersion: "22.10.5"}, nil
	}
	return &serverfeatures.SupportedMethods{EventStoreServerVersion: "23.10.0"}, nil
}

func (h *hostile) Append(s streams.Streams_AppendServer) error {
	for {
		if _, err := s.Recv(); err != nil {
			break // all was sent
		}
	}
	return h.append(s)
}

func (h *hostile) Read(r *streams.ReadReq, s streams.Streams_ReadServer) error {
	o := r.GetOptions()
	if h.end != 0 && o.GetAll() != nil && o.GetReadDirection() == streams.ReadReq_Options_Backwards {
		return s.Send(message("$stats", 0, h.end, "$statsCollected"))
	}
	if h.read == nil {
		return s.Send(noStream(string(o.GetStream().GetStreamIdentifier().GetStreamName())))
	}
	return h.read(r, s)
}

func noStream(name string) *streams.ReadResp {
	return &streams.ReadResp{Content: &streams.ReadResp_StreamNotFound_{StreamNotFound: &streams.ReadResp_StreamNotFound{
		StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte(name)},
	}}}
}

// against returns a log whose node is h.
func against(t *testing.T, h *hostile, opts eventstoredb.Options) *eventstoredb.Log {
	t.Helper()
	return connect(t, h.listen(t), opts)
}

func (h *hostile) listen(t *testing.T) (address string) {
	t.Helper()
	var lc net.ListenConfig
	socket, err := lc.Listen(t.Context(), "tcp", free)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	streams.RegisterStreamsServer(server, h)
	serverfeatures.RegisterServerFeaturesServer(server, h)
	var wg sync.WaitGroup
	wg.Go(func() { _ = server.Serve(socket) })
	t.Cleanup(func() {
		server.Stop()
		wg.Wait()
	})
	return socket.Addr().String()
}

// message returns a recorded event on the wire.
func message(stream string, number, position uint64, kind string) *streams.ReadResp {
	return &streams.ReadResp{Content: &streams.ReadResp_Event{Event: &streams.ReadResp_ReadEvent{
		Event: &streams.ReadResp_ReadEvent_RecordedEvent{
			Id:               &shared.UUID{Value: &shared.UUID_String_{String_: "6a1d1c5e-0000-8000-8000-000000000001"}},
			StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte(stream)},
			StreamRevision:   number, PreparePosition: position, CommitPosition: position,
			Metadata: map[string]string{"type": kind, "created": "17000000000000000", "content-type": "application/json"},
			Data:     []byte("{}"),
		},
		Position: &streams.ReadResp_ReadEvent_CommitPosition{CommitPosition: position},
	}}}
}

func checkpointAt(position uint64) *streams.ReadResp {
	return &streams.ReadResp{Content: &streams.ReadResp_Checkpoint_{Checkpoint: &streams.ReadResp_Checkpoint{CommitPosition: position, PreparePosition: position}}}
}

func confirmed() *streams.ReadResp {
	return &streams.ReadResp{Content: &streams.ReadResp_Confirmation{Confirmation: &streams.ReadResp_SubscriptionConfirmation{SubscriptionId: "s"}}}
}

// short is for operations that go on until there is no time left.
const short = 2 * time.Second

// TestStrangeMessages answers readings with what the library panics on.
func TestStrangeMessages(t *testing.T) {
	for name, strange := range map[string]*streams.ReadResp{
		"nothing":             {},
		"a confirmation":      confirmed(),
		"a checkpoint":        checkpointAt(7),
		"the first position":  {Content: &streams.ReadResp_FirstStreamPosition{FirstStreamPosition: 3}},
		"caught up":           {Content: &streams.ReadResp_CaughtUp_{CaughtUp: &streams.ReadResp_CaughtUp{}}},
		"an event of nothing": {Content: &streams.ReadResp_Event{Event: &streams.ReadResp_ReadEvent{}}},
		"an event without a stream": {Content: &streams.ReadResp_Event{Event: &streams.ReadResp_ReadEvent{
			Event: &streams.ReadResp_ReadEvent_RecordedEvent{Metadata: map[string]string{"created": "1"}},
		}}},
		"no stream's name": {Content: &streams.ReadResp_StreamNotFound_{StreamNotFound: &streams.ReadResp_StreamNotFound{}}},
		"no position":      message("a-1", 0, 1<<64-1, "x"),
		"no number":        message("a-1", 1<<63-1, 5, "x"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := &hostile{read: func(r *streams.ReadReq, s streams.Streams_ReadServer) error {
				if r.GetOptions().GetSubscription() != nil {
					_ = s.Send(confirmed())
				}
				return s.Send(strange)
			}}
			log := against(t, h, eventstoredb.Options{Timeout: short})
			for what, seq := range map[string]func(func(eventlog.Recorded, error) bool){
				"read": log.Read(t.Context(), "a-1", 0), "all": log.ReadAll(t.Context(), 0),
			} {
				if err := last(seq); err == nil || domain.KindOf(err) != domain.Internal && domain.KindOf(err) != domain.Unavailable {
					t.Errorf("%s: %v, want kind internal or unavailable", what, err)
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), short)
			defer cancel()
			if err := last(log.Subscribe(ctx, 0)); err == nil {
				t.Error("the subscription ended without an error")
			}
		})
	}
}

// TestStrangeAnswersToAppends must not be taken for success, and what may have
// been stored is Unknown.
func TestStrangeAnswersToAppends(t *testing.T) {
	fail := func(code codes.Code, trailers ...string) func(streams.Streams_AppendServer) error {
		return func(s streams.Streams_AppendServer) error {
			s.SetTrailer(metadata.Pairs(trailers...))
			return status.Error(code, "as the test wants it")
		}
	}
	reply := func(r *streams.AppendResp) func(streams.Streams_AppendServer) error {
		return func(s streams.Streams_AppendServer) error { return s.SendAndClose(r) }
	}
	for name, c := range map[string]struct {
		answer func(streams.Streams_AppendServer) error
		want   domain.Kind
	}{
		"nothing":               {reply(&streams.AppendResp{}), domain.Unknown},
		"no position":           {reply(&streams.AppendResp{Result: &streams.AppendResp_Success_{Success: &streams.AppendResp_Success{}}}), domain.Unknown},
		"another number":        {reply(&streams.AppendResp{Result: &streams.AppendResp_Success_{Success: &streams.AppendResp_Success{CurrentRevisionOption: &streams.AppendResp_Success_CurrentRevision{CurrentRevision: 9}, PositionOption: &streams.AppendResp_Success_Position{Position: &streams.AppendResp_Position{CommitPosition: 4}}}}}), domain.Incomplete},
		"wrong version":         {reply(&streams.AppendResp{Result: &streams.AppendResp_WrongExpectedVersion_{WrongExpectedVersion: &streams.AppendResp_WrongExpectedVersion{}}}), domain.Conflict},
		"access denied":         {fail(codes.PermissionDenied, "exception", "access-denied"), domain.ReadOnly},
		"wrong password":        {fail(codes.Unauthenticated), domain.Unavailable},
		"deleted for ever":      {fail(codes.FailedPrecondition, "exception", "stream-deleted", "stream-name", "a-1"), domain.Incomplete},
		"deleted without name":  {fail(codes.FailedPrecondition, "exception", "stream-deleted"), domain.Unknown}, // the library panics
		"too large":             {fail(codes.InvalidArgument, "exception", "maximum-append-size-exceeded"), domain.Invalid},
		"not ready":             {fail(codes.Unavailable), domain.Unknown}, // it may be a connection that broke
		"timed out there":       {fail(codes.Aborted), domain.Unknown},
		"an exception":          {fail(codes.Unknown), domain.Unknown},
		"another server at all": {fail(codes.Unimplemented), domain.Internal},
		"no leader":             {fail(codes.NotFound, "exception", "not-leader"), domain.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := &hostile{append: c.answer}
			log := against(t, h, eventstoredb.Options{Timeout: short})
			begun := time.Now()
			if at, err := log.Append(t.Context(), "a-1", 0, event("a-1", 0)); err == nil || domain.KindOf(err) != c.want {
				t.Errorf("%+v, %v; want kind %s", at, err, c.want)
			}
			if took := time.Since(begun); took > 10*short {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// TestRepeatIsSettled loses the answer to an append. A real server answers the
// repeat with the place of a record that is not the event; the event's own counts.
func TestRepeatIsSettled(t *testing.T) {
	var asked atomic.Int64
	h := &hostile{
		append: func(s streams.Streams_AppendServer) error {
			if asked.Add(1) == 1 {
				return status.Error(codes.Unavailable, "as the test wants it")
			}
			return s.SendAndClose(&streams.AppendResp{Result: &streams.AppendResp_Success_{Success: &streams.AppendResp_Success{
				CurrentRevisionOption: &streams.AppendResp_Success_CurrentRevision{CurrentRevision: 0},
				PositionOption:        &streams.AppendResp_Success_Position{Position: &streams.AppendResp_Position{CommitPosition: 99, PreparePosition: 99}},
			}}})
		},
		read: func(_ *streams.ReadReq, s streams.Streams_ReadServer) error {
			return s.Send(message("a-1", 0, 42, "tested.v1"))
		},
	}
	log := against(t, h, eventstoredb.Options{})
	e := event("a-1", 0)
	e.ID = eventlog.EventID{0x6a, 0x1d, 0x1c, 0x5e, 0, 0, 0x80, 0, 0x80, 0, 0, 0, 0, 0, 0, 1} // that of message
	at, err := log.Append(t.Context(), "a-1", 0, e)
	if want := (eventlog.Appended{Version: 1, Position: 42}); err != nil || at != want {
		t.Errorf("%+v, %v; want %+v", at, err, want)
	}
}

// TestFailedReadings gives each status its kind; not found is no empty stream.
func TestFailedReadings(t *testing.T) {
	for code, want := range map[codes.Code]domain.Kind{
		codes.NotFound: domain.Unavailable, codes.PermissionDenied: domain.Unavailable, codes.Unauthenticated: domain.Unavailable,
		codes.Unavailable: domain.Unavailable, codes.Internal: domain.Internal, codes.InvalidArgument: domain.Invalid,
	} {
		h := &hostile{read: func(*streams.ReadReq, streams.Streams_ReadServer) error {
			return status.Error(code, "as the test wants it")
		}}
		log := against(t, h, eventstoredb.Options{Timeout: short})
		if err := last(log.Read(t.Context(), "a-1", 0)); err == nil || domain.KindOf(err) != want {
			t.Errorf("%s: %v, want kind %s", code, err, want)
		}
		if _, err := log.End(t.Context()); err == nil || domain.KindOf(err) != want {
			t.Errorf("%s: end: %v, want kind %s", code, err, want)
		}
	}
	deleted := &hostile{read: func(_ *streams.ReadReq, s streams.Streams_ReadServer) error {
		s.SetTrailer(metadata.Pairs("exception", "stream-deleted", "stream-name", "a-1"))
		return status.Error(codes.FailedPrecondition, "as the test wants it")
	}}
	if err := last(against(t, deleted, eventstoredb.Options{}).Read(t.Context(), "a-1", 0)); domain.KindOf(err) != domain.Incomplete {
		t.Errorf("a stream deleted for ever: %v, want kind incomplete", err)
	}
}

// TestLeaderChange sends the client on to another node, and the append goes there.
func TestLeaderChange(t *testing.T) {
	var asked atomic.Int64
	leader := &hostile{append: func(s streams.Streams_AppendServer) error {
		asked.Add(1)
		if md, _ := metadata.FromIncomingContext(s.Context()); strings.Join(md.Get("requires-leader"), "") != "true" {
			t.Errorf("requires-leader is %v on the wire", md.Get("requires-leader"))
		}
		return s.SendAndClose(&streams.AppendResp{Result: &streams.AppendResp_Success_{Success: &streams.AppendResp_Success{
			CurrentRevisionOption: &streams.AppendResp_Success_CurrentRevision{CurrentRevision: 0},
			PositionOption:        &streams.AppendResp_Success_Position{Position: &streams.AppendResp_Position{CommitPosition: 42, PreparePosition: 42}},
		}}})
	}}
	host, port, err := net.SplitHostPort(leader.listen(t))
	if err != nil {
		t.Fatal(err)
	}
	follower := &hostile{append: func(s streams.Streams_AppendServer) error {
		s.SetTrailer(metadata.Pairs("exception", "not-leader", "leader-endpoint-host", host, "leader-endpoint-port", port))
		return status.Error(codes.NotFound, "Leader info available")
	}}
	var c counts
	log := against(t, follower, eventstoredb.Options{Hooks: c.hooks()})
	at, err := log.Append(t.Context(), "a-1", 0, event("a-1", 0))
	if want := (eventlog.Appended{Version: 1, Position: 42}); err != nil || at != want {
		t.Errorf("%+v, %v; want %+v", at, err, want)
	}
	if asked.Load() != 1 || c.retried.Load() != 1 {
		t.Errorf("the leader was asked %d times after %d repeats, want 1 and 1", asked.Load(), c.retried.Load())
	}
}
