package esdbserver_test

import (
	"context"
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
	"orderflow/infra/esdbserver/engine"
	"orderflow/infra/esdbserver/operationspb"
	"orderflow/infra/pebblelog"
)

// scavengeEvents are scavenged unless ORDERFLOW_SCAVENGE_EVENTS says another
// number; the long form is 1,000,000.
const scavengeEvents = 100_000

func scavengeSize(t testing.TB) int {
	n, err := strconv.Atoi(os.Getenv("ORDERFLOW_SCAVENGE_EVENTS"))
	if err != nil {
		n = scavengeEvents
		if testing.Short() {
			n /= 10
		}
	}
	return n
}

// aloneFor is how long appends are measured without a scavenge.
const aloneFor = 3 * time.Second

const (
	scavengeStreams = 50
	scavengeData    = 400 // bytes of an event, that do not compress to nothing
)

// fillTruncated appends n events and truncates nine tenths of them.
func fillTruncated(t testing.TB, e *engine.Engine, n int) {
	t.Helper()
	each := n / scavengeStreams
	const batch = 500
	for from := 0; from < each; from += batch { // so that the streams lie side by side
		for s := range scavengeStreams {
			var list []engine.Proposed
			for i := from; i < min(from+batch, each); i++ {
				id := eventlog.NewEventID("scavenge", eventlog.Stream(fmt.Sprint(s)), i)
				text := fmt.Sprintf("%x", id[:])
				for len(text) < scavengeData {
					id = eventlog.NewEventID(text, "", i)
					text += fmt.Sprintf("%x", id[:])
				}
				list = append(list, engine.Proposed{ID: id, Type: "tested.v1", JSON: true, Data: []byte(`{"of":"` + text + `"}`)})
			}
			if _, err := e.Append(t.Context(), engine.Write{Stream: fmt.Sprint("large-", s), Expected: engine.Any, Events: list}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for s := range scavengeStreams {
		meta := engine.Proposed{ID: eventlog.NewEventID("meta", eventlog.Stream(fmt.Sprint(s)), 0), Type: engine.MetadataType, JSON: true, Data: fmt.Appendf(nil, `{"$tb":%d}`, each*9/10)}
		if _, err := e.Append(t.Context(), engine.Write{Stream: fmt.Sprint("$$large-", s), Expected: engine.Any, Events: []engine.Proposed{meta}}); err != nil {
			t.Fatal(err)
		}
	}
}

// appender appends one event after the other, and knows how long each took.
type appender struct {
	took []time.Duration
	stop chan struct{}
	wg   sync.WaitGroup
}

// appending starts it; the numbers have to rise by one.
func appending(t *testing.T, c *esdb.Client, stream string) *appender {
	a := &appender{stop: make(chan struct{})}
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
				return
			}
			a.took = append(a.took, time.Since(begun))
		}
	})
	return a
}

// end returns the middle and the 99th percentile.
func (a *appender) end() (n int, p50, p99, most time.Duration) {
	close(a.stop)
	a.wg.Wait()
	if n = len(a.took); n == 0 {
		return 0, 0, 0, 0
	}
	slices.Sort(a.took)
	return n, a.took[n/2], a.took[n*99/100], a.took[n-1]
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

// TestScavengeLarge scavenges a log of which nine tenths are truncated, through
// the node, while clients append, read and subscribe. It reports bytes, time,
// and what the appends beside it took.
func TestScavengeLarge(t *testing.T) {
	n := scavengeSize(t)
	each := uint64(n / scavengeStreams) //nolint:gosec // it is small
	kept := each - each*9/10
	truncatedAt = func(stream string, number uint64) bool {
		var s int
		_, err := fmt.Sscanf(stream, "large-%d", &s)
		return err == nil && number <= each*9/10 || stream == "$$$scavenges"
	}
	dir := t.TempDir()
	log, err := pebblelog.Open(dir, pebblelog.Options{IndexIDs: true, LongNames: true})
	if err != nil {
		t.Fatal(err)
	}
	node, stop := start(t, log)
	begun := time.Now()
	fillTruncated(t, node.Engine(), n)
	if err := log.GiveBack(t.Context()); err != nil { // so that what follows is the scavenge's doing
		t.Fatal(err)
	}
	before, err := log.Bytes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d events were stored in %v", n, time.Since(begun).Round(time.Millisecond))
	connection := "esdb://" + node.address + "?tls=false"
	c := connect(t, connection)

	removed := somewhere(t, c, "large-7", each/2) // a position that will be of nothing
	all, mid := follow(t, connect(t, connection), esdb.Start{}), follow(t, connect(t, connection), removed)
	reading := readingAll(t, connect(t, connection), kept)
	alone := appending(t, c, "alone") // with the same readers
	pause(t, aloneFor)
	count, p50, p99, most := alone.end()
	t.Logf("appends without it: %d, p50 %v, p99 %v, most %v", count, p50, p99, most)

	beside := appending(t, c, "beside")
	begun = time.Now()
	one, err := node.scavenges(t).start(1, 0)
	if err != nil || one.GetScavengeResult() != operationspb.ScavengeResp_Started {
		t.Fatalf("%v, %v", one, err)
	}
	is(t, "the scavenge", endOf(t, c, one.GetScavengeId()), "$scavengeStarted", "$scavengeCompleted Success")
	took := time.Since(begun)
	count, p50, p99, most = beside.end()
	after, err := log.Bytes(t.Context())
	if err != nil || n >= scavengeEvents && after > before/2 {
		t.Errorf("of %d bytes %d are left: %v", before, after, err)
	}
	t.Logf("scavenged in %v: %d bytes, then %d (%.1f %%)", took.Round(time.Millisecond), before, after, 100*float64(after)/float64(before))
	t.Logf("appends beside it: %d, p50 %v, p99 %v, most %v", count, p50, p99, most)
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

// pause waits for a while in which others work.
func pause(t *testing.T, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
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
