package esdbserver_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver"
	"orderflow/infra/esdbserver/internal/engine"
	"orderflow/infra/esdbserver/operationspb"
	"orderflow/infra/memory"
)

// heldLog is a log that is long in giving space back: until release is closed,
// or the scavenge is stopped.
type heldLog struct {
	*memory.Log
	entered chan struct{}
	release chan struct{}
	fails   error
}

func newHeldLog() *heldLog {
	return &heldLog{Log: memory.NewDense(), entered: make(chan struct{}, 100), release: make(chan struct{})}
}

func (l *heldLog) GiveBack(ctx context.Context) error {
	l.entered <- struct{}{}
	select {
	case <-l.release:
		return l.fails
	case <-ctx.Done():
		return ctx.Err()
	}
}

// truncate leaves a stream with hidden events.
func truncate(t testing.TB, c *esdb.Client, stream string) {
	t.Helper()
	mustAppend(t, c, stream, event("a"), event("b"), event("c"))
	var m esdb.StreamMetadata
	m.SetMaxCount(1)
	if _, err := c.SetStreamMetadata(ctx(t), stream, esdb.AppendToStreamOptions{}, m); err != nil {
		t.Fatal(err)
	}
}

// scavenging is what a client does with scavenges.
type scavenging struct {
	testing.TB
	operationspb.OperationsClient
}

func (s scavenging) start(threads, chunk int32) (*operationspb.ScavengeResp, error) {
	return s.StartScavenge(ctx(s), &operationspb.StartScavengeReq{Options: &operationspb.StartScavengeReq_Options{ThreadCount: threads, StartFromChunk: chunk}})
}

func (s scavenging) stop(id string, trailers *metadata.MD) (*operationspb.ScavengeResp, error) {
	return s.StopScavenge(ctx(s), &operationspb.StopScavengeReq{Options: &operationspb.StopScavengeReq_Options{ScavengeId: id}}, grpc.Trailer(trailers))
}

func (n node) scavenges(t testing.TB) scavenging {
	return scavenging{t, operationspb.NewOperationsClient(n.dial(t))}
}

// timeTaken is the form of a duration, however long.
var timeTaken = regexp.MustCompile(`^(\d+\.)?\d\d:\d\d:\d\d\.\d{7}$`)

// told returns what a client finds in a stream of scavenges: types and results.
func told(t testing.TB, c *esdb.Client, stream string) (all []string) {
	t.Helper()
	events, err := drain(c.ReadStream(ctx(t), stream, esdb.ReadStreamOptions{ResolveLinkTos: true}, 1_000))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		var said struct {
			ScavengeID   string
			NodeEndpoint string
			Result       string
			TimeTaken    string
			SpaceSaved   *int64
		}
		if err := json.Unmarshal(e.Event.Data, &said); err != nil || "$scavenges-"+said.ScavengeID != e.Event.StreamID || said.NodeEndpoint == "" {
			t.Errorf("%s: %+v, %v", e.Event.StreamID, said, err)
		}
		if said.Result != "" && (!timeTaken.MatchString(said.TimeTaken) || said.SpaceSaved == nil) {
			t.Errorf("%s: %+v", e.Event.StreamID, said)
		}
		if e.Event.EventType == "$scavengeProgress" { // on a busy machine there may be some; TestProgressOfAScavenge has them
			if said.SpaceSaved == nil || said.Result != "" {
				t.Errorf("%s: %+v", e.Event.StreamID, said)
			}
			continue
		}
		all = append(all, strings.TrimSpace(e.Event.EventType+" "+said.Result))
	}
	return all
}

// toldEventually waits until a stream of scavenges holds as many events.
func toldEventually(t testing.TB, c *esdb.Client, stream string, n int) []string {
	t.Helper()
	s, err := c.SubscribeToStream(ctx(t), stream, esdb.SubscribeToStreamOptions{From: esdb.Start{}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for seen := 0; seen < n; {
		switch e := s.Recv(); {
		case e.EventAppeared != nil && e.EventAppeared.Event.EventType == "$scavengeProgress":
		case e.EventAppeared != nil:
			seen++
		case e.SubscriptionDropped != nil:
			t.Fatal(e.SubscriptionDropped.Error)
		}
	}
	return told(t, c, stream)
}

func is(t testing.TB, what string, got []string, want ...string) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// TestScavenges starts, finds under way, stops and completes scavenges.
func TestScavenges(t *testing.T) {
	log := newHeldLog()
	var running atomic.Int64
	var mu sync.Mutex
	results := map[string]int64{}
	n := serve(t, log, func(o *esdbserver.Options) {
		o.Hooks.Scavenging = func(d int) { running.Add(int64(d)) }
		o.Hooks.Scavenged = func(result string, events, _ int64) {
			mu.Lock()
			defer mu.Unlock()
			results[result] += events
		}
	})
	c, s := connect(t, "esdb://"+n.address+"?tls=false"), n.scavenges(t)
	truncate(t, c, "s")
	var trailers metadata.MD
	_, err := s.stop("none", &trailers)
	refused(t, "none is under way", err, trailers, codes.NotFound, "scavenge-not-found", "scavenge-id", "none")
	first, err := s.start(2, 3)
	if err != nil || first.GetScavengeResult() != operationspb.ScavengeResp_Started || first.GetScavengeId() == "" {
		t.Fatalf("%v, %v", first, err)
	}
	id := first.GetScavengeId()
	<-log.entered
	if again, err := s.start(1, 0); err != nil || again.GetScavengeResult() != operationspb.ScavengeResp_InProgress || again.GetScavengeId() != id || running.Load() != 1 {
		t.Errorf("a second one: %v, %v, %d running", again, err, running.Load())
	}
	_, err = s.stop("another", &trailers)
	refused(t, "another scavenge", err, trailers, codes.NotFound, "scavenge-not-found", "scavenge-id", "another")
	is(t, "under way", told(t, c, "$scavenges"), "$scavengeStarted")
	if got, err := s.stop(id, &trailers); err != nil || got.GetScavengeId() != id || got.GetScavengeResult() != operationspb.ScavengeResp_Stopped {
		t.Errorf("%v, %v", got, err)
	}
	is(t, "stopped", told(t, c, "$scavenges-"+id), "$scavengeStarted", "$scavengeCompleted Stopped")
	_, err = s.stop(id, &trailers)
	refused(t, "a scavenge that has ended", err, trailers, codes.NotFound, "scavenge-not-found")
	close(log.release)
	second, err := s.start(0, 0)
	if err != nil || second.GetScavengeResult() != operationspb.ScavengeResp_Started || second.GetScavengeId() == id {
		t.Fatalf("%v, %v", second, err)
	}
	is(t, "complete", toldEventually(t, c, "$scavenges-"+second.GetScavengeId(), 2), "$scavengeStarted", "$scavengeCompleted Success")
	is(t, "all", told(t, c, "$scavenges"), "$scavengeStarted", "$scavengeCompleted Stopped", "$scavengeStarted", "$scavengeCompleted Success")
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	if results["Stopped"] != 2 || results["Success"] < 1 || len(results) != 2 || running.Load() != 0 {
		t.Errorf("the hooks were told %v, and %d are running", results, running.Load())
	}
}

// TestScavengesThatAreRefused begins none.
func TestScavengesThatAreRefused(t *testing.T) {
	s := serve(t, memory.NewDense()).scavenges(t)
	for _, bad := range [][2]int32{{-1, 0}, {1, -1}, {1_000, 0}} {
		if _, err := s.start(bad[0], bad[1]); status.Code(err) != codes.InvalidArgument {
			t.Errorf("%v: %v", bad, err)
		}
	}
	plain := struct{ engine.Log }{memory.NewDense()} // it cannot remove events
	if _, err := serve(t, plain).scavenges(t).start(1, 0); status.Code(err) != codes.Unimplemented {
		t.Errorf("%v", err)
	}
	log := &refusingLog{Log: memory.NewDense()}
	n := serve(t, log)
	log.refuses.Store(true)
	if _, err := n.scavenges(t).start(1, 0); status.Code(err) != codes.Unavailable {
		t.Errorf("a log that takes no appends: %v", err)
	}
	log.refuses.Store(false)
	if got, err := n.scavenges(t).start(1, 0); err != nil || got.GetScavengeResult() != operationspb.ScavengeResp_Started {
		t.Errorf("%v, %v", got, err)
	}
}

// refusingLog takes no appends while it is told so.
type refusingLog struct {
	*memory.Log
	refuses atomic.Bool
}

func (l *refusingLog) AppendTogether(ctx context.Context, writes ...eventlog.Write) ([]eventlog.Appended, error) {
	if l.refuses.Load() {
		return nil, domain.Errorf(domain.ReadOnly, "The log is read-only.")
	}
	return l.Log.AppendTogether(ctx, writes...)
}

// TestScavengeThatFails says so to clients and to the operator.
func TestScavengeThatFails(t *testing.T) {
	log := newHeldLog()
	log.fails = errors.New("the disk is slow today")
	close(log.release)
	var lines lockedText
	n := serve(t, log, func(o *esdbserver.Options) { o.Logger = slog.New(slog.NewTextHandler(&lines, nil)) })
	c := connect(t, "esdb://"+n.address+"?tls=false")
	truncate(t, c, "s")
	got, err := n.scavenges(t).start(1, 0)
	if err != nil {
		t.Fatal(err)
	}
	is(t, "failed", toldEventually(t, c, "$scavenges-"+got.GetScavengeId(), 2), "$scavengeStarted", "$scavengeCompleted Errored")
	if text := lines.String(); !strings.Contains(text, "slow today") || !strings.Contains(text, "events=2") {
		t.Error(text)
	}
}

// lockedText is a text that goroutines write.
type lockedText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// TestCloseStopsAScavenge closes a node with one under way: its end is noted
// before the log is let go, and the next node can scavenge.
func TestCloseStopsAScavenge(t *testing.T) {
	log := newHeldLog()
	n, stop := start(t, log)
	truncate(t, connect(t, "esdb://"+n.address+"?tls=false"), "s")
	got, err := n.scavenges(t).start(1, 0)
	if err != nil {
		t.Fatal(err)
	}
	<-log.entered
	stop()
	next := serve(t, log)
	c := connect(t, "esdb://"+next.address+"?tls=false")
	is(t, "closed", told(t, c, "$scavenges-"+got.GetScavengeId()), "$scavengeStarted", "$scavengeCompleted Stopped")
	if got, err := next.scavenges(t).start(1, 0); err != nil || got.GetScavengeResult() != operationspb.ScavengeResp_Started {
		t.Errorf("%v, %v", got, err)
	}
}

// TestInterruptedScavengeIsNoted starts a node on the log of one that was
// killed while it scavenged: clients are not told that it still does.
func TestInterruptedScavengeIsNoted(t *testing.T) {
	log := memory.NewDense()
	n, stop := start(t, log)
	c := connect(t, "esdb://"+n.address+"?tls=false")
	begun := event("$scavengeStarted")
	begun.Data = []byte(`{"scavengeId":"x","nodeEndpoint":"a:1"}`) // of a version that noted no sizes
	mustAppend(t, c, "$scavenges-x", begun)
	link := event("$>")
	link.Data, link.ContentType = []byte("0@$scavenges-x"), esdb.ContentTypeBinary
	mustAppend(t, c, "$scavenges", link)
	stop()
	for range 2 { // once is enough
		n, stop := start(t, log)
		c := connect(t, "esdb://"+n.address+"?tls=false")
		is(t, "killed", told(t, c, "$scavenges"), "$scavengeStarted", "$scavengeCompleted Interrupted")
		stop()
	}
}

// TestScavengeOfCheckpoints gives back the space of what persistent
// subscriptions note about themselves, and they go on where they were.
func TestScavengeOfCheckpoints(t *testing.T) {
	log := newLog(t)
	n := serve(t, log)
	c := connect(t, "esdb://"+n.address+"?tls=false")
	if err := c.CreatePersistentSubscription(ctx(t), "s", "g", esdb.PersistentStreamSubscriptionOptions{StartFrom: esdb.Start{}, Settings: eagerSettings()}); err != nil {
		t.Fatal(err)
	}
	const events = 20
	follow := func(first uint64, between func()) {
		t.Helper()
		s, err := c.SubscribeToPersistentSubscription(ctx(t), "s", "g", esdb.SubscribeToPersistentSubscriptionOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range uint64(events) {
			mustAppend(t, c, "s", event("a"))
			e := take(t, s)
			if e.Event.OriginalEvent().EventNumber != first+i {
				t.Fatalf("number %d, want %d", e.Event.OriginalEvent().EventNumber, first+i)
			}
			if err := s.Ack(e.Event); err != nil {
				t.Fatal(err)
			}
			if i == events/2 {
				between()
			}
		}
		toldOfCheckpoint(t, c, "$persistentsubscription-s::g-checkpoint", first+events)
		_ = s.Close()
	}
	follow(0, func() {})
	follow(events, func() {
		got, err := n.scavenges(t).start(1, 0)
		if err != nil {
			t.Fatal(err)
		}
		is(t, "beside a group", endOf(t, c, got.GetScavengeId()), "$scavengeStarted", "$scavengeCompleted Success")
		first, err := log.FirstVersion(ctx(t), "$persistentsubscription-s::g-checkpoint")
		if err != nil || first < events/2 {
			t.Errorf("the checkpoints are left from version %d on: %v", first, err)
		}
	})
	follow(2*events, func() {})
}

// toldOfCheckpoint waits until a group noted that it is at a number, or beyond.
func toldOfCheckpoint(t testing.TB, c *esdb.Client, stream string, number uint64) {
	t.Helper()
	s, err := c.SubscribeToStream(ctx(t), stream, esdb.SubscribeToStreamOptions{From: esdb.Start{}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for {
		e := s.Recv()
		if e.SubscriptionDropped != nil {
			t.Fatal(e.SubscriptionDropped.Error)
		}
		if e.EventAppeared == nil {
			continue
		}
		var at uint64
		if _, err := fmt.Sscanf(strings.Trim(string(e.EventAppeared.Event.Data), `"`), "%d", &at); err == nil && at+1 >= number {
			return
		}
	}
}
