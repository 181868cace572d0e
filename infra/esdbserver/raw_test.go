package esdbserver_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/serverfeatures"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"

	"orderflow/infra/memory"
)

// dial is for what the official client never sends.
func (n node) dial(t testing.TB) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(n.address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func empty() *shared.Empty { return &shared.Empty{} }

// request returns a read of the stream s from its start, altered.
func request(change func(*streams.ReadReq_Options)) *streams.ReadReq {
	o := &streams.ReadReq_Options{
		StreamOption: &streams.ReadReq_Options_Stream{Stream: &streams.ReadReq_Options_StreamOptions{
			StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte("s")},
			RevisionOption:   &streams.ReadReq_Options_StreamOptions_Start{Start: empty()},
		}},
		CountOption:  &streams.ReadReq_Options_Count{Count: 10},
		FilterOption: &streams.ReadReq_Options_NoFilter{NoFilter: empty()},
		UuidOption:   &streams.ReadReq_Options_UUIDOption{Content: &streams.ReadReq_Options_UUIDOption_String_{String_: empty()}},
	}
	if change != nil {
		change(o)
	}
	return &streams.ReadReq{Options: o}
}

// answers reads all that a read answers.
func answers(t *testing.T, c streams.StreamsClient, r *streams.ReadReq) ([]*streams.ReadResp, error) {
	t.Helper()
	read, err := c.Read(ctx(t), r)
	if err != nil {
		t.Fatal(err)
	}
	var all []*streams.ReadResp
	for {
		m, err := read.Recv()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all = append(all, m)
	}
}

// TestExtras says what clients get that know more than events, and that others do not.
func TestExtras(t *testing.T) {
	n := serve(t, memory.NewDense())
	mustAppend(t, connect(t, "esdb://"+n.address+"?tls=false"), "s", event("a"), event("b"))
	c := streams.NewStreamsClient(n.dial(t))
	for _, r := range []struct {
		from          uint64
		back          bool
		compatibility uint32
		want          string
	}{
		{0, false, 0, "event event"},
		{0, false, 1, "event event last 1"},
		{5, false, 1, "first 2 last 1"},
		{5, false, 0, ""},
		{2, false, 1, "last 1"},
		{1, true, 1, "event event last 1"},
	} {
		got, err := answers(t, c, request(func(o *streams.ReadReq_Options) {
			o.GetStream().RevisionOption = &streams.ReadReq_Options_StreamOptions_Revision{Revision: r.from}
			o.ControlOption = &streams.ReadReq_Options_ControlOption{Compatibility: r.compatibility}
			if r.back {
				o.ReadDirection = streams.ReadReq_Options_Backwards
			}
		}))
		var words []string
		for _, m := range got {
			switch v := m.GetContent().(type) {
			case *streams.ReadResp_Event:
				words = append(words, "event")
				if len(v.Event.GetEvent().GetId().GetString_()) != 36 {
					t.Errorf("an id is %v", v.Event.GetEvent().GetId())
				}
			case *streams.ReadResp_FirstStreamPosition:
				words = append(words, fmt.Sprint("first ", v.FirstStreamPosition))
			case *streams.ReadResp_LastStreamPosition:
				words = append(words, fmt.Sprint("last ", v.LastStreamPosition))
			default:
				words = append(words, fmt.Sprintf("%T", v))
			}
		}
		if text := strings.Join(words, " "); err != nil || text != r.want {
			t.Errorf("%+v: %q, %v", r, text, err)
		}
	}
}

// TestCombinations says which reads are refused.
func TestCombinations(t *testing.T) {
	n := serve(t, memory.NewDense())
	c := streams.NewStreamsClient(n.dial(t))
	byType := func(window any, multiplier uint32) *streams.ReadReq_Options_Filter {
		f := &streams.ReadReq_Options_FilterOptions{
			Filter: &streams.ReadReq_Options_FilterOptions_EventType{
				EventType: &streams.ReadReq_Options_FilterOptions_Expression{Prefix: []string{"a"}},
			},
			CheckpointIntervalMultiplier: multiplier,
		}
		switch w := window.(type) {
		case *streams.ReadReq_Options_FilterOptions_Max:
			f.Window = w
		case *streams.ReadReq_Options_FilterOptions_Count:
			f.Window = w
		}
		return &streams.ReadReq_Options_Filter{Filter: f}
	}
	all := func(o *streams.ReadReq_Options) {
		o.StreamOption = &streams.ReadReq_Options_All{All: &streams.ReadReq_Options_AllOptions{
			AllOption: &streams.ReadReq_Options_AllOptions_Start{Start: empty()},
		}}
	}
	subscription := func(o *streams.ReadReq_Options) { o.CountOption = &streams.ReadReq_Options_Subscription{} }
	for name, change := range map[string]func(*streams.ReadReq_Options){
		"no form of ids":   func(o *streams.ReadReq_Options) { o.UuidOption = nil },
		"no count":         func(o *streams.ReadReq_Options) { o.CountOption = nil },
		"no filter option": func(o *streams.ReadReq_Options) { o.FilterOption = nil },
		"neither stream":   func(o *streams.ReadReq_Options) { o.StreamOption = nil },
		"no revision":      func(o *streams.ReadReq_Options) { o.GetStream().RevisionOption = nil },
		"no name":          func(o *streams.ReadReq_Options) { o.GetStream().StreamIdentifier = nil },
		"a filtered stream": func(o *streams.ReadReq_Options) {
			o.FilterOption = byType(&streams.ReadReq_Options_FilterOptions_Max{Max: 1}, 1)
		},
		"backwards for ever": func(o *streams.ReadReq_Options) { subscription(o); o.ReadDirection = streams.ReadReq_Options_Backwards },
		"a revision beyond": func(o *streams.ReadReq_Options) {
			o.GetStream().RevisionOption = &streams.ReadReq_Options_StreamOptions_Revision{Revision: math.MaxInt64 + 1}
		},
		"a filter without window": func(o *streams.ReadReq_Options) { all(o); subscription(o); o.FilterOption = byType(nil, 1) },
		"no interval": func(o *streams.ReadReq_Options) {
			all(o)
			subscription(o)
			o.FilterOption = byType(&streams.ReadReq_Options_FilterOptions_Count{Count: empty()}, 0)
		},
		"prepared before committed": func(o *streams.ReadReq_Options) {
			all(o)
			o.GetAll().AllOption = &streams.ReadReq_Options_AllOptions_Position{Position: &streams.ReadReq_Options_Position{CommitPosition: 1, PreparePosition: 2}}
		},
	} {
		if got, err := answers(t, c, request(change)); status.Code(err) != codes.InvalidArgument || len(got) > 0 {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if got, err := answers(t, c, request(func(o *streams.ReadReq_Options) { all(o); o.FilterOption = byType(nil, 0) })); err != nil {
		t.Errorf("a filtered read: %v, %v", got, err)
	}
}

// TestMissingProperties says that a client is told which it has to send.
func TestMissingProperties(t *testing.T) {
	c := streams.NewStreamsClient(serve(t, memory.NewDense()).dial(t))
	var trailers metadata.MD
	a, err := c.Append(ctx(t), grpc.Trailer(&trailers))
	if err != nil {
		t.Fatal(err)
	}
	send := func(m *streams.AppendReq) { _ = a.Send(m) }
	send(&streams.AppendReq{Content: &streams.AppendReq_Options_{Options: &streams.AppendReq_Options{
		StreamIdentifier:       &shared.StreamIdentifier{StreamName: []byte("s")},
		ExpectedStreamRevision: &streams.AppendReq_Options_Any{Any: empty()},
	}}})
	send(&streams.AppendReq{Content: &streams.AppendReq_ProposedMessage_{ProposedMessage: &streams.AppendReq_ProposedMessage{
		Id: &shared.UUID{Value: &shared.UUID_String_{String_: "7b2b0d3c-0c1f-4a7a-8a43-1e0c0a1e0b01"}}, Metadata: map[string]string{"type": "a"},
	}}})
	_, err = a.CloseAndRecv()
	if status.Code(err) != codes.InvalidArgument || trailers.Get("exception")[0] != "missing-required-metadata-property" ||
		trailers.Get("required-metadata-properties")[0] != "type,content-type" {
		t.Errorf("%v, %v", err, trailers)
	}
}

// TestFeatures says that names are in lower case: the official client takes
// others for an old server.
func TestFeatures(t *testing.T) {
	got, err := serverfeatures.NewServerFeaturesClient(serve(t, memory.NewDense()).dial(t)).GetSupportedMethods(ctx(t), empty())
	if err != nil {
		t.Fatal(err)
	}
	methods := map[string]bool{}
	for _, m := range got.GetMethods() {
		name := m.GetServiceName() + "/" + m.GetMethodName()
		if name != strings.ToLower(name) {
			t.Errorf("%s", name)
		}
		methods[name] = true
	}
	for _, want := range []string{
		"event_store.client.streams.streams/batchappend",
		"event_store.client.persistent_subscriptions.persistentsubscriptions/getinfo",
		"event_store.client.gossip.gossip/read",
		"event_store.client.server_features.serverfeatures/getsupportedmethods",
	} {
		if !methods[want] {
			t.Errorf("%s is missing", want)
		}
	}
}

// part is a part of a batch.
func part(correlation, stream string, expected any, final bool, names ...string) *streams.BatchAppendReq {
	r := &streams.BatchAppendReq{CorrelationId: &shared.UUID{Value: &shared.UUID_String_{String_: correlation}}, IsFinal: final}
	if stream != "" {
		r.Options = &streams.BatchAppendReq_Options{StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte(stream)}}
		switch e := expected.(type) {
		case int:
			r.Options.ExpectedStreamPosition = &streams.BatchAppendReq_Options_StreamPosition{StreamPosition: uint64(e)}
		default:
			r.Options.ExpectedStreamPosition = &streams.BatchAppendReq_Options_Any{Any: &emptypb.Empty{}}
		}
	}
	for _, n := range names {
		e := event(n)
		r.ProposedMessages = append(r.ProposedMessages, &streams.BatchAppendReq_ProposedMessage{
			Id:       &shared.UUID{Value: &shared.UUID_String_{String_: e.EventID.String()}},
			Metadata: map[string]string{"type": n, "content-type": "application/json"}, Data: []byte("{}"),
		})
	}
	return r
}

// TestBatches mixes the parts of batches; each is answered by itself.
func TestBatches(t *testing.T) {
	n := serve(t, newLog(t))
	official := connect(t, "esdb://"+n.address+"?tls=false")
	c := streams.NewStreamsClient(n.dial(t))
	call, err := c.BatchAppend(ctx(t))
	if err != nil {
		t.Fatal(err)
	}
	const one, two, three, four, late = "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002",
		"00000000-0000-0000-0000-000000000003", "00000000-0000-0000-0000-000000000004", "00000000-0000-0000-0000-000000000005"
	overdue := part(late, "s", nil, true, "late")
	overdue.Options.DeadlineOption = &streams.BatchAppendReq_Options_Deadline{Deadline: durationpb.New(-time.Second)}
	huge := part(four, "s", nil, true, "huge")
	huge.ProposedMessages[0].Data = make([]byte, 1<<20+1)
	for _, p := range []*streams.BatchAppendReq{
		part(one, "s", nil, false, "a"), part(two, "t", nil, false, "x"), part(one, "", nil, false, "b"), part(one, "", nil, true, "c"),
		part(two, "", nil, true), part(three, "s", 7, true, "d"), huge, overdue,
	} {
		if err := call.Send(p); err != nil {
			t.Fatal(err)
		}
	}
	got := map[string]string{}
	for range 5 {
		r, err := call.Recv()
		if err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprintf("%s ends at %d", r.GetStreamIdentifier().GetStreamName(), r.GetSuccess().GetCurrentRevision())
		if r.GetError() != nil {
			var detail proto.Message
			if detail, err = r.GetError().GetDetails()[0].UnmarshalNew(); err != nil {
				t.Fatal(err)
			}
			text = fmt.Sprint(codes.Code(r.GetError().GetCode()), " ", detail.ProtoReflect().Descriptor().Name())
		}
		got[r.GetCorrelationId().GetString_()] = text
	}
	for id, want := range map[string]string{
		one: "s ends at 2", two: "t ends at 0", three: "AlreadyExists WrongExpectedVersion",
		four: "InvalidArgument MaximumAppendSizeExceeded", late: "DeadlineExceeded Timeout",
	} {
		if got[id] != want {
			t.Errorf("batch %s: %s; want %s", id, got[id], want)
		}
	}
	const inOrder = 200
	for i := range inOrder {
		if err := call.Send(part(fmt.Sprintf("00000000-0000-0000-0001-%012d", i), "ordered", nil, true, fmt.Sprint("n", i))); err != nil {
			t.Fatal(err)
		}
	}
	for range inOrder {
		if _, err := call.Recv(); err != nil {
			t.Fatal(err)
		}
	}
	events, err := readAllOf(t, official, "ordered")
	if err != nil || len(events) != inOrder {
		t.Fatalf("%d events, %v", len(events), err)
	}
	for i, e := range events {
		if e.Event.EventType != fmt.Sprint("n", i) {
			t.Fatalf("event %d is %s", i, e.Event.EventType)
		}
	}
	if err := call.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if _, err := call.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("%v", err)
	}
}

// TestSlowReader says that who does not read holds up nobody, and gets
// everything in order when it does.
func TestSlowReader(t *testing.T) {
	n := serve(t, newLog(t))
	official := connect(t, "esdb://"+n.address+"?tls=false")
	given, cancel := context.WithCancel(ctx(t))
	defer cancel()
	slow, err := streams.NewStreamsClient(n.dial(t)).Read(given, request(func(o *streams.ReadReq_Options) {
		o.CountOption = &streams.ReadReq_Options_Subscription{}
	}))
	if err != nil {
		t.Fatal(err)
	}
	const appends, each = 40, 50
	for i := range appends {
		list := make([]esdb.EventData, each)
		for j := range list {
			list[j] = event(fmt.Sprint("n", i*each+j))
			list[j].Data = []byte(`"` + strings.Repeat("x", 10_000) + `"`)
		}
		mustAppend(t, official, "s", list...)
	}
	for next := uint64(0); next < appends*each; {
		m, err := slow.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if e := m.GetEvent().GetEvent(); e != nil {
			if e.GetStreamRevision() != next {
				t.Fatalf("event %d after %d", e.GetStreamRevision(), next)
			}
			next++
		}
	}
}
