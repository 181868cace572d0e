package esdbserver_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver/internal/engine"
	"orderflow/infra/esdbserver/operationspb"
	"orderflow/infra/pebblelog"
)

// scavengeEvents are scavenged unless ORDERFLOW_SCAVENGE_EVENTS says another
// number; the long form is 1,000,000.
const scavengeEvents = 100_000

func scavengeSize() int {
	n, err := strconv.Atoi(os.Getenv("ORDERFLOW_SCAVENGE_EVENTS"))
	if err != nil {
		n = scavengeEvents
		if testing.Short() {
			n /= 10
		}
	}
	return n
}

const (
	scavengeStreams = 50
	scavengeData    = 400 // bytes of an event, that do not compress to nothing
)

// scavengeBatch is how many events are stored at once, before there is a node.
const scavengeBatch = 500

// filled returns a log of n events that lie side by side in their streams. They
// are stored without a node, which is not what is measured.
func filled(t testing.TB, dir string, n int) *pebblelog.Log {
	t.Helper()
	log, err := pebblelog.Open(dir, pebblelog.Options{IndexIDs: true, LongNames: true})
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	each := n / scavengeStreams
	for from := 0; from < each; from += scavengeBatch {
		for s := range scavengeStreams {
			list := make([]eventlog.Pending, 0, scavengeBatch)
			for i := from; i < min(from+scavengeBatch, each); i++ {
				list = append(list, largeEvent(s, i))
			}
			if _, err := log.Append(t.Context(), eventlog.Stream(fmt.Sprint("large-", s)), eventlog.Version(from), list...); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := log.GiveBack(t.Context()); err != nil { // so that what follows is the scavenge's doing
		t.Fatal(err)
	}
	t.Logf("%d events were stored in %v", n, time.Since(begun).Round(time.Millisecond))
	return log
}

// largeEvent makes an event whose data does not compress to nothing.
func largeEvent(stream, i int) eventlog.Pending {
	var text []byte
	for part := 0; len(text) < scavengeData; part++ {
		text = fmt.Appendf(text, "%x", sha256.Sum256(fmt.Appendf(nil, "%d %d %d", stream, i, part)))
	}
	id := eventlog.NewEventID("scavenge", eventlog.Stream(fmt.Sprint(stream)), i)
	return eventlog.Pending{ID: id, Type: "tested.v1", Data: fmt.Appendf(nil, `{"of":"%s"}`, text)}
}

// truncateLarge hides nine tenths of what filled stored.
func truncateLarge(t testing.TB, e *engine.Engine, n int) {
	t.Helper()
	for s := range scavengeStreams {
		meta := engine.Proposed{ID: eventlog.NewEventID("meta", eventlog.Stream(fmt.Sprint(s)), 0), Type: engine.MetadataType, JSON: true, Data: fmt.Appendf(nil, `{"$tb":%d}`, n/scavengeStreams*9/10)}
		if _, err := e.Append(t.Context(), engine.Write{Stream: fmt.Sprint("$$large-", s), Expected: engine.Any, Events: []engine.Proposed{meta}}); err != nil {
			t.Fatal(err)
		}
	}
}

// appender appends one event after the other, and knows how long each took.
type appender struct {
	took  []time.Duration
	plain chan struct{} // closed when there are enough to tell what is usual
	stop  chan struct{}
	wg    sync.WaitGroup
}

// enoughAppends are so many that the 99th percentile is no accident.
const enoughAppends = 1_000

// appending starts it; the numbers have to rise by one.
func appending(t *testing.T, c *esdb.Client, stream string) *appender {
	a := &appender{plain: make(chan struct{}), stop: make(chan struct{})}
	a.wg.Go(func() {
		for i := uint64(0); ; i++ {
			select {
			case <-a.stop:
				return
			default:
			}
			begun := time.Now()
			w, err := c.AppendToStream(t.Context(), stream, esdb.AppendToStreamOptions{}, event("beside"))
			if err != nil || w.NextExpectedVersion != i {
				t.Errorf("append %d to %s: %+v, %v", i, stream, w, err)
				if len(a.took) < enoughAppends {
					close(a.plain)
				}
				return
			}
			if a.took = append(a.took, time.Since(begun)); len(a.took) == enoughAppends {
				close(a.plain)
			}
		}
	})
	return a
}

// waits are what appends took.
type waits struct {
	n              int
	p50, p99, most time.Duration
}

func (w waits) String() string {
	return fmt.Sprintf("%d, p50 %v, p99 %v, most %v", w.n, w.p50, w.p99, w.most)
}

// over returns how many times as long the middle and the 99th percentile are.
func (w waits) over(alone waits) string {
	return fmt.Sprintf("p50 x %.2f, p99 x %.2f", float64(w.p50)/float64(alone.p50), float64(w.p99)/float64(alone.p99))
}

// end stops it.
func (a *appender) end() waits {
	close(a.stop)
	a.wg.Wait()
	n := len(a.took)
	if n == 0 {
		return waits{}
	}
	slices.Sort(a.took)
	return waits{n, a.took[n/2], a.took[n*99/100], a.took[n-1]}
}

// follower reads all from the beginning, and remembers what of the streams it
// was shown that are not truncated.
type follower struct {
	seen chan string
	end  func()
}

func follow(t *testing.T, c *esdb.Client, begin esdb.AllPosition) *follower {
	t.Helper()
	s, err := c.SubscribeToAll(t.Context(), esdb.SubscribeToAllOptions{From: begin})
	if err != nil {
		t.Fatal(err)
	}
	f := &follower{seen: make(chan string, 1)}
	var wg sync.WaitGroup
	var ended atomic.Bool
	wg.Go(func() {
		next := map[string]uint64{}
		var last uint64
		for {
			e := s.Recv()
			if e.SubscriptionDropped != nil {
				if !ended.Load() && t.Context().Err() == nil {
					t.Errorf("a subscription ended: %v", e.SubscriptionDropped.Error)
				}
				return
			}
			if e.EventAppeared == nil {
				continue
			}
			got := e.EventAppeared.OriginalEvent()
			if got.Position.Commit <= last {
				t.Errorf("position %d after %d", got.Position.Commit, last)
			}
			last = got.Position.Commit
			if want, known := next[got.StreamID]; known && got.EventNumber > want && !truncatedAt(got.StreamID, got.EventNumber) || !known && got.EventNumber > 0 && !truncatedAt(got.StreamID, got.EventNumber) {
				t.Errorf("%s: number %d after %d", got.StreamID, got.EventNumber, want)
			}
			next[got.StreamID] = got.EventNumber + 1
			if got.StreamID == "last" {
				f.seen <- got.EventType
			}
		}
	})
	f.end = func() { ended.Store(true); _ = s.Close(); wg.Wait() }
	return f
}

// truncatedAt is replaced by the test: whether what comes before a number may
// be missing.
var truncatedAt = func(string, uint64) bool { return false }

// scavengeLarge starts a scavenge, waits for its end, and reports bytes and time.
func scavengeLarge(t *testing.T, log *pebblelog.Log, node node, c *esdb.Client, n int) {
	t.Helper()
	before, err := log.Bytes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	one, err := node.scavenges(t).start(1, 0)
	if err != nil || one.GetScavengeResult() != operationspb.ScavengeResp_Started {
		t.Fatalf("%v, %v", one, err)
	}
	is(t, "the scavenge", endOf(t, c, one.GetScavengeId()), "$scavengeStarted", "$scavengeCompleted Success")
	took := time.Since(begun)
	after, err := log.Bytes(t.Context())
	if err != nil || n >= scavengeEvents && after > before/2 {
		t.Errorf("of %d bytes %d are left: %v", before, after, err)
	}
	t.Logf("scavenged in %v, %.0f events/s: %d bytes, then %d (%.1f %%)",
		took.Round(time.Millisecond), float64(n)*9/10/took.Seconds(), before, after, 100*float64(after)/float64(before))
}

// TestScavengeFigures reports what a scavenge of a log of which nine tenths are
// truncated costs the appends beside it, as a ratio to those before it.
func TestScavengeFigures(t *testing.T) {
	n := scavengeSize()
	log := filled(t, t.TempDir(), n)
	node, stop := start(t, log)
	truncateLarge(t, node.Engine(), n)
	c := connect(t, "esdb://"+node.address+"?tls=false")
	appends := appending(t, c, "alone")
	<-appends.plain
	alone := appends.end()
	t.Log("appends without it:", alone)
	appends = appending(t, c, "beside")
	scavengeLarge(t, log, node, c, n)
	beside := appends.end()
	t.Logf("appends beside it: %v: %s", beside, beside.over(alone))
	t.Log("it was killed 0 times: TestScavengeIsKilled of cmd/orderflow, with the same variable, kills a node 10 times in it")
	stop()
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestScavengeLarge scavenges a log of which nine tenths are truncated, through
// the node, while clients append, read and subscribe.
func TestScavengeLarge(t *testing.T) {
	n := scavengeSize()
	each := uint64(n / scavengeStreams) //nolint:gosec // it is small
	kept := each - each*9/10
	truncatedAt = func(stream string, number uint64) bool {
		var s int
		_, err := fmt.Sscanf(stream, "large-%d", &s)
		return err == nil && number <= each*9/10 || stream == "$$$scavenges"
	}
	dir := t.TempDir()
	log := filled(t, dir, n)
	node, stop := start(t, log)
	truncateLarge(t, node.Engine(), n)
	connection := "esdb://" + node.address + "?tls=false"
	c := connect(t, connection)

	removed := somewhere(t, c, "large-7", each/2) // a position that will be of nothing
	all, mid := follow(t, connect(t, connection), esdb.Start{}), follow(t, connect(t, connection), removed)
	reading := readingAll(t, connect(t, connection), kept)
	beside := appending(t, c, "beside")
	scavengeLarge(t, log, node, c, n)
	t.Log("appends beside it and readers:", beside.end())
	t.Logf("reads beside it: %d, of whole streams", reading())

	mustAppend(t, c, "last", event("last"))
	for _, f := range []*follower{all, mid, follow(t, connect(t, connection), removed)} { // the last: from a place that is gone
		select {
		case <-f.seen:
		case <-time.After(10 * patience):
			t.Error("a subscription does not come to the end")
		}
		f.end()
	}
	afterwards(t, c, each, kept)
	stop()
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	report, err := pebblelog.Verify(t.Context(), dir, pebblelog.Options{}, func(_, _ eventlog.Position) {})
	if err != nil || !report.OK() {
		t.Errorf("verified: %+v, %v", report, err)
	}
}

// somewhere returns the position of an event that only readers of all are shown.
func somewhere(t *testing.T, c *esdb.Client, stream string, number uint64) esdb.Position {
	t.Helper()
	events, err := c.ReadAll(t.Context(), esdb.ReadAllOptions{From: esdb.Start{}}, 10_000_000)
	if err != nil {
		t.Fatal(err)
	}
	defer events.Close()
	for {
		e, err := events.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if e.Event.StreamID == stream && e.Event.EventNumber == number {
			return e.Event.Position
		}
	}
}

// readingAll reads whole streams, one after the other, until it is called.
func readingAll(t *testing.T, c *esdb.Client, kept uint64) (end func() int) {
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	n := 0
	wg.Go(func() {
		for ctx.Err() == nil {
			events, err := drain(c.ReadStream(ctx, fmt.Sprint("large-", n%scavengeStreams), esdb.ReadStreamOptions{}, 10_000_000))
			if ctx.Err() != nil {
				return
			}
			if err != nil || uint64(len(events)) != kept {
				t.Errorf("a read beside the scavenge: %d events, %v; want %d", len(events), err, kept)
				return
			}
			n++
		}
	})
	return func() int { cancel(); wg.Wait(); return n }
}

// endOf waits for the end of a scavenge, however long.
func endOf(t *testing.T, c *esdb.Client, id string) []string {
	t.Helper()
	s, err := c.SubscribeToStream(t.Context(), "$scavenges-"+id, esdb.SubscribeToStreamOptions{From: esdb.Start{}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for {
		e := s.Recv()
		if e.SubscriptionDropped != nil {
			t.Fatal(e.SubscriptionDropped.Error)
		}
		if e.EventAppeared != nil && e.EventAppeared.Event.EventType == "$scavengeCompleted" {
			return told(t, c, "$scavenges-"+id)
		}
	}
}

// afterwards looks at the streams: what was shown is, and they go on.
func afterwards(t *testing.T, c *esdb.Client, each, kept uint64) {
	t.Helper()
	for s := range scavengeStreams {
		stream := fmt.Sprint("large-", s)
		for _, o := range []esdb.ReadStreamOptions{{Direction: esdb.Forwards, From: esdb.Start{}}, {Direction: esdb.Backwards, From: esdb.End{}}} {
			events, err := drain(c.ReadStream(ctx(t), stream, o, 10_000_000))
			if err != nil || uint64(len(events)) != kept {
				t.Fatalf("%s holds %d events, %v; want %d", stream, len(events), err, kept)
			}
			for i, e := range events {
				want := each - kept + uint64(i) //nolint:gosec // an index
				if o.Direction == esdb.Backwards {
					want = each - 1 - uint64(i) //nolint:gosec // an index
				}
				if e.Event.EventNumber != want || len(e.Event.Data) < scavengeData {
					t.Fatalf("%s: number %d with %d bytes, want %d", stream, e.Event.EventNumber, len(e.Event.Data), want)
				}
			}
		}
		if w := mustAppend(t, c, stream, event("next")); w.NextExpectedVersion != each {
			t.Errorf("%s goes on with %d, want %d", stream, w.NextExpectedVersion, each)
		}
	}
}
