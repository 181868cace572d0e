package clustertest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver/clustertest"
	"orderflow/infra/esdbserver/internal/engine"
	"orderflow/infra/memory"
)

// patience bounds every wait of these tests; it is only spent when something is broken.
const patience = 30 * time.Second

// short is the deadline of calls that get no answer.
const short = 300 * time.Millisecond

// long is for what a test ends before its time.
const long = time.Hour

func TestMain(m *testing.M) {
	// The clock of the regular expressions, which ends by itself.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/dlclark/regexp2.runClock"))
}

func fresh(t *testing.T) *clustertest.Cluster {
	t.Helper()
	return clusterOn(t, memory.NewDense())
}

func clusterOn(t *testing.T, log engine.Log) *clustertest.Cluster {
	t.Helper()
	return clustertest.New(t, log, clustertest.Options{})
}

// trailer has a call store its trailers.
func trailer(md *metadata.MD) grpc.CallOption { return grpc.Trailer(md) }

func within(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// onLeader asks for the leader, as the official client means to.
func onLeader(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "requires-leader", "true")
}

// until waits for a condition on a cluster.
func until(t testing.TB, c *clustertest.Cluster, what string, holds func() bool) {
	t.Helper()
	if err := c.Until(within(t, patience), holds); err != nil {
		t.Fatalf("waiting until %s: %v", what, err)
	}
}

// raw is a connection to one node, without the official client.
type raw struct {
	t *testing.T
	*grpc.ClientConn
	streams.StreamsClient
}

func dial(t *testing.T, address string) raw {
	t.Helper()
	soon := backoff.Config{BaseDelay: 5 * time.Millisecond, Multiplier: 1.6, MaxDelay: 50 * time.Millisecond} // a node that is back is found
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: soon, MinConnectTimeout: patience}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return raw{t, conn, streams.NewStreamsClient(conn)}
}

// append appends one event whatever is there and returns its id and the trailers.
func (r raw) append(ctx context.Context, stream string) (id uuid.UUID, trailers metadata.MD, err error) {
	id = uuid.New()
	call, err := r.Append(ctx)
	if err != nil {
		return id, nil, err
	}
	_ = call.Send(&streams.AppendReq{Content: &streams.AppendReq_Options_{Options: &streams.AppendReq_Options{
		StreamIdentifier:       &shared.StreamIdentifier{StreamName: []byte(stream)},
		ExpectedStreamRevision: &streams.AppendReq_Options_Any{Any: &shared.Empty{}},
	}}}) // the answer says more
	_ = call.Send(&streams.AppendReq{Content: &streams.AppendReq_ProposedMessage_{ProposedMessage: &streams.AppendReq_ProposedMessage{
		Id:       &shared.UUID{Value: &shared.UUID_String_{String_: id.String()}},
		Metadata: map[string]string{"type": "tested", "content-type": "application/json"}, Data: []byte(`{}`),
	}}})
	_, err = call.CloseAndRecv()
	return id, call.Trailer(), err
}

// mustAppend is append for a node that has to answer.
func (r raw) mustAppend(stream string) uuid.UUID {
	r.t.Helper()
	id, _, err := r.append(within(r.t, patience), stream)
	if err != nil {
		r.t.Fatalf("append to %s: %v", stream, err)
	}
	return id
}

// readAll reads $all from its start.
func (r raw) readAll(ctx context.Context) (ids map[string]int, trailers metadata.MD, err error) {
	call, err := r.Read(ctx, all(&streams.ReadReq_Options{CountOption: &streams.ReadReq_Options_Count{Count: 1 << 30}}))
	if err != nil {
		return nil, nil, err
	}
	ids = map[string]int{}
	for {
		m, err := call.Recv()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return ids, call.Trailer(), err
		}
		if e := m.GetEvent().GetEvent(); e != nil {
			ids[e.GetId().GetString_()]++
		}
	}
}

// subscribeTo subscribes to a stream from its start.
func (r raw) subscribeTo(ctx context.Context, stream string) streams.Streams_ReadClient {
	r.t.Helper()
	request := all(&streams.ReadReq_Options{
		CountOption: &streams.ReadReq_Options_Subscription{Subscription: &streams.ReadReq_Options_SubscriptionOptions{}},
	})
	request.Options.StreamOption = &streams.ReadReq_Options_Stream{Stream: &streams.ReadReq_Options_StreamOptions{
		StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte(stream)},
		RevisionOption:   &streams.ReadReq_Options_StreamOptions_Start{Start: &shared.Empty{}},
	}}
	call, err := r.Read(ctx, request)
	if err != nil {
		r.t.Fatal(err)
	}
	return call
}

// subscribe subscribes to $all from its start.
func (r raw) subscribe(ctx context.Context) streams.Streams_ReadClient {
	r.t.Helper()
	call, err := r.Read(ctx, all(&streams.ReadReq_Options{
		CountOption: &streams.ReadReq_Options_Subscription{Subscription: &streams.ReadReq_Options_SubscriptionOptions{}},
	}))
	if err != nil {
		r.t.Fatal(err)
	}
	return call
}

func all(o *streams.ReadReq_Options) *streams.ReadReq {
	o.StreamOption = &streams.ReadReq_Options_All{All: &streams.ReadReq_Options_AllOptions{
		AllOption: &streams.ReadReq_Options_AllOptions_Start{Start: &shared.Empty{}},
	}}
	o.FilterOption = &streams.ReadReq_Options_NoFilter{NoFilter: &shared.Empty{}}
	o.UuidOption = &streams.ReadReq_Options_UUIDOption{Content: &streams.ReadReq_Options_UUIDOption_String_{String_: &shared.Empty{}}}
	return &streams.ReadReq{Options: o}
}

// next receives until a message that is wanted, or the end.
func next(call streams.Streams_ReadClient, wanted func(*streams.ReadResp) bool) error {
	for {
		m, err := call.Recv()
		if err != nil || wanted(m) {
			return err
		}
	}
}

func isConfirmation(m *streams.ReadResp) bool { return m.GetConfirmation() != nil }

func isCaughtUp(m *streams.ReadResp) bool { return m.GetCaughtUp() != nil }

// is reports whether a message brings the event with an id.
func is(id uuid.UUID) func(*streams.ReadResp) bool {
	return func(m *streams.ReadResp) bool { return m.GetEvent().GetEvent().GetId().GetString_() == id.String() }
}

// wantNotLeader checks an answer of a node that follows another one.
func wantNotLeader(t *testing.T, what string, err error, trailers metadata.MD, leader string) {
	t.Helper()
	get := func(name string) string {
		if v := trailers.Get(name); len(v) == 1 {
			return v[0]
		}
		return ""
	}
	at := get("leader-endpoint-host") + ":" + get("leader-endpoint-port")
	if status.Code(err) != codes.NotFound || get("exception") != "not-leader" || at != leader {
		t.Errorf("%s: %v with %v; want not-leader and %s", what, err, trailers, leader)
	}
}

func wantDeadline(t *testing.T, what string, err error) {
	t.Helper()
	if status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("%s: %v, want no answer until the deadline", what, err)
	}
}

// gossiped returns what a node tells in gossip: "Leader, Follower, dead".
func gossiped(t *testing.T, c *clustertest.Cluster, node int) (states [clustertest.Nodes]string) {
	t.Helper()
	info, err := gossip.NewGossipClient(dial(t, c.Address(node)).ClientConn).Read(within(t, patience), &shared.Empty{})
	if err != nil {
		t.Fatalf("gossip of node %d: %v", node, err)
	}
	if len(info.GetMembers()) != clustertest.Nodes {
		t.Fatalf("node %d tells %d members", node, len(info.GetMembers()))
	}
	seen := map[string]bool{}
	for i, m := range info.GetMembers() {
		e := m.GetHttpEndPoint()
		if at := net.JoinHostPort(e.GetAddress(), fmt.Sprint(e.GetPort())); at != c.Address(i) {
			t.Errorf("node %d tells that member %d is at %s, not at %s", node, i, at, c.Address(i))
		}
		seen[m.GetInstanceId().String()] = true
		if states[i] = m.GetState().String(); !m.GetIsAlive() {
			states[i] = "dead"
		}
	}
	if len(seen) != clustertest.Nodes {
		t.Errorf("the members have %d ids", len(seen))
	}
	return states
}

// official returns a client of the official module.
func official(t *testing.T, connection string) *esdb.Client {
	t.Helper()
	configuration, err := esdb.ParseConnectionString(connection)
	if err != nil {
		t.Fatal(err)
	}
	configuration.Logger = esdb.NoopLogging()
	configuration.NodePreference = esdb.NodePreferenceLeader
	client, err := esdb.NewClient(configuration)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func event() esdb.EventData {
	return esdb.EventData{EventID: uuid.New(), EventType: "tested", ContentType: esdb.ContentTypeJson, Data: []byte(`{}`)}
}

// heldLog holds up appends to the stream "held" until it is told to let them go on.
type heldLog struct {
	engine.Log
	inside chan struct{} // one token for each append that is held up
	goOn   chan struct{} // closed to let them go on
}

func newHeldLog() heldLog {
	return heldLog{memory.NewDense(), make(chan struct{}), make(chan struct{})}
}

func (l heldLog) Append(ctx context.Context, s eventlog.Stream, v eventlog.Version, events ...eventlog.Pending) (eventlog.Appended, error) {
	if s == "held" {
		l.inside <- struct{}{}
		<-l.goOn
	}
	return l.Log.Append(ctx, s, v, events...)
}
