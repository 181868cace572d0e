package groups_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver/engine"
	"orderflow/infra/esdbserver/groups"
	"orderflow/infra/memory"
)

// node is groups over a log in memory. Its tests run in bubbles of synctest,
// so that hours pass in no time and nothing is left running.
type node struct {
	t      *testing.T
	log    *memory.Log
	engine *engine.Engine
	api    engine.API // what the groups use
	groups *groups.Groups
	ids    uint64

	severed atomic.Bool
}

func newNode(t *testing.T) *node {
	n := &node{t: t, log: memory.New()}
	n.engine = engine.New(n.log, engine.Options{})
	n.api = n.engine
	n.open()
	return n
}

// crash ends the groups without letting them write anything, and starts others.
func (n *node) crash() {
	n.t.Helper()
	n.severed.Store(true)
	n.groups.Close()
	n.severed.Store(false)
	n.open()
}

// line is what the groups use of the engine: it can be cut.
type line struct {
	engine.API
	severed *atomic.Bool
}

func (l line) AppendTogether(ctx context.Context, writes ...engine.Write) ([]engine.Written, error) {
	if l.severed.Load() {
		return nil, domain.Errorf(domain.Unavailable, "cut")
	}
	return l.API.AppendTogether(ctx, writes...)
}

func (n *node) open() {
	n.t.Helper()
	compile := func(f groups.Filter) (engine.Filter, error) {
		return func(e *engine.Event) bool { return strings.HasPrefix(e.Stream, f.Prefixes[0]) }, nil
	}
	var err error
	if n.groups, err = groups.Open(context.Background(), line{n.api, &n.severed}, groups.Options{Compile: compile}); err != nil {
		n.t.Fatal(err)
	}
}

// append writes events with the given texts.
func (n *node) append(stream string, texts ...string) {
	n.t.Helper()
	w := engine.Write{Stream: stream, Expected: engine.Any}
	for _, text := range texts {
		n.ids++
		id := eventlog.EventID{0: 9, 1: byte(n.ids >> 16), 2: byte(n.ids >> 8), 3: byte(n.ids)}
		w.Events = append(w.Events, engine.Proposed{ID: id, Type: "said", Data: []byte(text)})
	}
	if _, err := n.engine.Append(context.Background(), w); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) create(key groups.Key, change func(*groups.Settings)) {
	n.t.Helper()
	if err := n.groups.Create(context.Background(), "tester", key, settings(change)); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) connect(key groups.Key, slots int) *groups.Client {
	n.t.Helper()
	c, err := n.groups.Connect(context.Background(), key, groups.Peer{Address: "here", User: "anonymous", Connection: "c"}, slots)
	if err != nil {
		n.t.Fatal(err)
	}
	return c
}

func (n *node) info(key groups.Key) groups.Info {
	n.t.Helper()
	info, err := n.groups.Info(context.Background(), key)
	if err != nil {
		n.t.Fatal(err)
	}
	return info
}

// stream is the data of all events of a stream.
func (n *node) stream(name string) (texts []string) {
	n.t.Helper()
	for r, err := range n.engine.ReadStream(context.Background(), name, 0, engine.Span{Max: 1 << 20}) {
		if err != nil {
			return []string{err.Error()}
		}
		texts = append(texts, string(r.Event.Data))
	}
	return texts
}

// received are the events that a client has got, as text and retries.
func received(c *groups.Client) (texts []string, ids []eventlog.EventID) {
	synctest.Wait()
	for {
		select {
		case d := <-c.Deliveries():
			text := "gone"
			if d.Event.Resolved.Event != nil {
				text = string(d.Event.Resolved.Event.Data)
			}
			if d.Retries > 0 {
				text += fmt.Sprint("!", d.Retries)
			}
			texts, ids = append(texts, text), append(ids, d.Event.ID)
		default:
			return texts, ids
		}
	}
}

func (n *node) gets(c *groups.Client, want ...string) []eventlog.EventID {
	n.t.Helper()
	texts, ids := received(c)
	if !slices.Equal(texts, want) {
		n.t.Fatalf("the client got %q, want %q", texts, want)
	}
	return ids
}

func ack(t *testing.T, c *groups.Client, ids ...eventlog.EventID) {
	t.Helper()
	if err := c.Ack(context.Background(), ids); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

func park(t *testing.T, c *groups.Client, ids ...eventlog.EventID) {
	t.Helper()
	if err := c.Nack(context.Background(), ids, groups.ActionPark, "because"); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

func settings(change func(*groups.Settings)) groups.Settings {
	s := groups.Settings{
		MessageTimeout: 30 * time.Second, MaxRetries: 10, HistoryBuffer: 500, LiveBuffer: 500, ReadBatch: 20,
		CheckpointAfter: 2 * time.Second, MinCheckpoint: 10, MaxCheckpoint: 1000, Strategy: groups.RoundRobin,
	}
	if change != nil {
		change(&s)
	}
	return s
}

var orders = groups.Key{Stream: "orders", Group: "billing"}

const (
	ordersCheckpoint = "$persistentsubscription-orders::billing-checkpoint"
	ordersParked     = "$persistentsubscription-orders::billing-parked"
)

func inBubble(t *testing.T, test func(*testing.T, *node)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		defer func() { n.groups.Close() }()
		test(t, n)
	})
}

func eager(s *groups.Settings) { s.MinCheckpoint, s.MaxCheckpoint = 1, 1 }

func TestAClientGetsWhatIsThereAndWhatComes(t *testing.T) {
	inBubble(t, func(t *testing.T, n *node) {
		n.append("orders", "a", "b")
		n.create(orders, nil)
		c := n.connect(orders, 10)
		n.gets(c, "a", "b")
		n.append("orders", "c")
		n.gets(c, "c")
		if info := n.info(orders); info.Status != "Live" || info.InFlight != 3 || info.LastKnown != 2 || info.Delivered != 3 || len(info.Clients) != 1 {
			t.Errorf("%+v", info)
		}
	})
}

func TestARestartGoesOnAfterTheCheckpoint(t *testing.T) {
	inBubble(t, func(t *testing.T, n *node) {
		n.append("orders", "a", "b", "c")
		n.create(orders, eager)
		c := n.connect(orders, 10)
		ids := n.gets(c, "a", "b", "c")
		ack(t, c, ids[0], ids[2])
		if got := n.stream(ordersCheckpoint); !slices.Equal(got, []string{`"0"`}) {
			t.Errorf("the checkpoint stream holds %q", got)
		}
		n.groups.Close()
		if <-c.Dropped(); groups.KindOf(c.Err()) != groups.Closed {
			t.Errorf("dropped for %v", c.Err())
		}
		n.open()
		n.gets(n.connect(orders, 10), "b", "c")
	})
}

func TestACloseWritesWhatIsTooLittleForACheckpoint(t *testing.T) {
	inBubble(t, func(t *testing.T, n *node) {
		n.append("orders", "a", "b", "c")
		n.create(orders, nil)
		c := n.connect(orders, 10)
		ack(t, c, n.gets(c, "a", "b", "c")[:2]...)
		n.groups.Close()
		n.open()
		n.gets(n.connect(orders, 10), "c")
	})
}

func TestWhatIsParkedStaysParked(t *testing.T) {
	inBubble(t, func(t *testing.T, n *node) {
		n.append("orders", "a", "b", "c")
		n.create(orders, nil)
		c := n.connect(orders, 10)
		ids := n.gets(c, "a", "b", "c")
		park(t, c, ids[1])
		if got := n.stream(ordersParked); !slices.Equal(got, []string{"1@orders"}) {
			t.Errorf("the parked stream holds %q", got)
		}
		n.crash() // a is in flight, so there is no checkpoint
		c = n.connect(orders, 10)
		n.gets(c, "a", "c")
		if n.info(orders).Parked != 1 {
			t.Errorf("%d are parked", n.info(orders).Parked)
		}
	})
}

func TestParkedEventsAreReplayed(t *testing.T) {
	inBubble(t, func(t *testing.T, n *node) {
		n.append("orders", "a", "b", "c", "d")
		n.create(orders, eager)
		c := n.connect(orders, 10)
		park(t, c, n.gets(c, "a", "b", "c", "d")...)
		n.append("orders", "e")
		n.gets(c, "e")
		if parked := n.info(orders).Parked; parked != 4 {
			t.Fatalf("%d are parked", parked)
		}
		stop := int64(3)
		if err := n.groups.Replay(t.Context(), orders, &stop); err != nil {
			t.Fatal(err)
		}
		ids := n.gets(c, "a", "b", "c")
		if info := n.info(orders); info.Parked != 1 || !strings.Contains(info.Status, "ReplayingParkedMessages") || info.Checkpoint != 3 {
			t.Errorf("%+v", info)
		}
		ack(t, c, ids[0], ids[2])
		park(t, c, ids[1])
		time.Sleep(2 * time.Second)
		if got := n.stream(ordersParked); !slices.Equal(got, []string{"3@orders", "1@orders"}) {
			t.Errorf("the parked stream holds %q", got)
		}
		n.groups.Close()
		n.open()
		n.gets(n.connect(orders, 10), "e")
	})
}

func TestACrashDuringAReplayLeavesItParked(t *testing.T) {
	inBubble(t, func(t *testing.T, n *node) {
		n.append("orders", "a", "b")
		n.create(orders, nil)
		c := n.connect(orders, 10)
		park(t, c, n.gets(c, "a", "b")...)
		if err := n.groups.Replay(t.Context(), orders, nil); err != nil {
			t.Fatal(err)
		}
		n.gets(c, "a", "b")
		n.crash()
		c = n.connect(orders, 10)
		n.gets(c)
		if err := n.groups.Replay(t.Context(), orders, nil); err != nil {
			t.Fatal(err)
		}
		n.gets(c, "a", "b")
	})
}

func TestAReplayPassesOverWhatWasDeleted(t *testing.T) {
	inBubble(t, func(t *testing.T, n *node) {
		n.append("orders", "a", "b")
		n.create(orders, nil)
		c := n.connect(orders, 10)
		park(t, c, n.gets(c, "a", "b")...)
		if _, err := n.engine.Append(t.Context(), engine.Write{Stream: "$$orders", Expected: engine.Any, Events: []engine.Proposed{
			{ID: eventlog.EventID{1}, Type: "$metadata", JSON: true, Data: []byte(`{"$tb":1}`)},
		}}); err != nil {
			t.Fatal(err)
		}
		if err := n.groups.Replay(t.Context(), orders, nil); err != nil {
			t.Fatal(err)
		}
		ack(t, c, n.gets(c, "b")...)
		if info := n.info(orders); info.Parked != 0 || info.Status != "Live" || len(n.stream(ordersParked)) != 0 {
			t.Errorf("%+v, %q", info, n.stream(ordersParked))
		}
	})
}

func TestWhatTakesTooLongComesAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, n *node) {
		n.append("orders", "a")
		n.create(orders, func(s *groups.Settings) { s.MessageTimeout, s.MaxRetries = 5*time.Second, 1 })
		c := n.connect(orders, 10)
		n.gets(c, "a")
		time.Sleep(6 * time.Second)
		n.gets(c, "a!1")
		time.Sleep(6 * time.Second)
		n.gets(c)
		if got := n.stream(ordersParked); !slices.Equal(got, []string{"0@orders"}) {
			t.Errorf("the parked stream holds %q", got)
		}
	})
}

func TestWhoLeavesGivesBackWhatItHad(t *testing.T) {
	inBubble(t, func(t *testing.T, n *node) {
		n.append("orders", "a", "b")
		n.create(orders, func(s *groups.Settings) { s.MaxRetries = 0; s.MaxClients = 1 })
		c := n.connect(orders, 10)
		n.gets(c, "a", "b")
		if _, err := n.groups.Connect(t.Context(), orders, groups.Peer{}, 1); groups.KindOf(err) != groups.TooManyClients {
			t.Errorf("a second client: %v", err)
		}
		c.Close()
		c.Close()
		n.gets(n.connect(orders, 10), "a", "b")
	})
}

func TestAClientThatDoesNotReadHoldsUpNobody(t *testing.T) {
	inBubble(t, func(t *testing.T, n *node) {
		n.append("orders", "a", "b", "c")
		n.create(orders, func(s *groups.Settings) { s.MessageTimeout = 2 * time.Second })
		n.connect(orders, 1)
		quick := n.connect(orders, 1)
		var got []string
		for range 20 {
			texts, ids := received(quick)
			got = append(got, texts...)
			ack(t, quick, ids...)
			time.Sleep(time.Second)
		}
		if len(got) < 2 { // the third may still be with the other
			t.Errorf("the quick client got %q", got)
		}
	})
}

func TestAStartAtTheEndIsRemembered(t *testing.T) {
	inBubble(t, func(_ *testing.T, n *node) {
		all := groups.Key{Stream: groups.AllStream, Group: "g"}
		n.append("orders", "a")
		n.create(orders, func(s *groups.Settings) { s.Start.End = true })
		n.create(all, func(s *groups.Settings) { s.Start.End = true; s.Filter = &groups.Filter{Prefixes: []string{"ord"}} })
		n.append("orders", "b")
		n.groups.Close()
		n.open()
		n.gets(n.connect(orders, 10), "b")
		n.gets(n.connect(all, 10), "b")
	})
}

func TestAFilteredGroupMovesOn(t *testing.T) {
	inBubble(t, func(t *testing.T, n *node) {
		all := groups.Key{Stream: groups.AllStream, Group: "g"}
		n.append("orders", "a")
		for range 600 {
			n.append("noise", "x")
		}
		n.create(all, func(s *groups.Settings) { s.Filter = &groups.Filter{Prefixes: []string{"ord"}} })
		c := n.connect(all, 10)
		ack(t, c, n.gets(c, "a")...)
		time.Sleep(time.Minute)
		if info := n.info(all); !info.Saved || info.Checkpoint < 601 {
			t.Errorf("the checkpoint is at %d of 601", info.Checkpoint)
		}
		end, err := n.engine.End(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if later, err := n.engine.End(t.Context()); err != nil || later != end {
			t.Errorf("the log went from %d to %d (err %v) though nothing happened", end, later, err)
		}
	})
}

func TestAnUpdateDropsClientsAndKeepsTheCheckpoint(t *testing.T) {
	inBubble(t, func(t *testing.T, n *node) {
		n.append("orders", "a", "b")
		n.create(orders, eager)
		c := n.connect(orders, 1)
		ack(t, c, n.gets(c, "a")...)
		if err := n.groups.Update(t.Context(), "tester", orders, settings(func(s *groups.Settings) { s.Start.End = true })); err != nil {
			t.Fatal(err)
		}
		if <-c.Dropped(); groups.KindOf(c.Err()) != groups.Dropped {
			t.Errorf("dropped for %v", c.Err())
		}
		if err := c.Ack(t.Context(), nil); groups.KindOf(err) != groups.Dropped {
			t.Errorf("an acknowledgement of a dropped client: %v", err)
		}
		n.gets(n.connect(orders, 1), "b")
		if !n.info(orders).Settings.Start.End {
			t.Error("the new start is not shown")
		}
		if err := n.groups.Update(t.Context(), "tester", groups.Key{Stream: "x", Group: "y"}, settings(nil)); groups.KindOf(err) != groups.NotFound {
			t.Errorf("an update of nothing: %v", err)
		}
	})
}

func TestADeletedGroupIsForgotten(t *testing.T) {
	inBubble(t, func(t *testing.T, n *node) {
		n.append("orders", "a", "b")
		n.create(orders, eager)
		for range 2 {
			c := n.connect(orders, 9)
			ids := n.gets(c, "a", "b")
			ack(t, c, ids[0])
			park(t, c, ids[1])
			if err := n.groups.Delete(t.Context(), "tester", orders); err != nil {
				t.Fatal(err)
			}
			if <-c.Dropped(); groups.KindOf(c.Err()) != groups.Dropped {
				t.Errorf("dropped for %v", c.Err())
			}
			if err := n.groups.Delete(t.Context(), "tester", orders); groups.KindOf(err) != groups.NotFound {
				t.Errorf("deleted again: %v", err)
			}
			n.create(orders, eager)
			if info := n.info(orders); info.Parked != 0 || info.Saved {
				t.Errorf("%+v", info)
			}
			n.groups.Close() // nor does a restart bring anything back
			n.open()
			if info := n.info(orders); info.Parked != 0 || info.Saved {
				t.Errorf("%+v", info)
			}
		}
	})
}

func TestARestartOfTheSubsystem(t *testing.T) {
	inBubble(t, func(t *testing.T, n *node) {
		n.append("orders", "a", "b")
		n.create(orders, nil)
		c := n.connect(orders, 1)
		ack(t, c, n.gets(c, "a")...)
		if err := n.groups.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		<-c.Dropped()
		n.gets(n.connect(orders, 1), "b")
	})
}

func TestWhatIsRefused(t *testing.T) {
	inBubble(t, func(t *testing.T, n *node) {
		n.create(orders, nil)
		n.create(groups.Key{Stream: "orders", Group: "billing::g"}, nil)
		all := groups.Key{Stream: groups.AllStream, Group: "g"}
		for name, c := range map[string]struct {
			key    groups.Key
			change func(*groups.Settings)
			want   groups.Kind
		}{
			"exists":           {orders, nil, groups.Exists},
			"no stream":        {groups.Key{Group: "g"}, nil, groups.Failed},
			"bytes":            {groups.Key{Stream: "a\xff", Group: "g"}, nil, groups.Failed},
			"same state":       {groups.Key{Stream: "orders::billing", Group: "g"}, nil, groups.Exists},
			"no name":          {groups.Key{Stream: "s"}, nil, groups.Failed},
			"no such strategy": {groups.Key{Stream: "s", Group: "g"}, func(s *groups.Settings) { s.Strategy = "Best" }, groups.Failed},
			"large batch":      {groups.Key{Stream: "s", Group: "g"}, func(s *groups.Settings) { s.ReadBatch = 500 }, groups.Failed},
			"filter":           {groups.Key{Stream: "s", Group: "g"}, func(s *groups.Settings) { s.Filter = &groups.Filter{} }, groups.Failed},
			"beyond the end":   {all, func(s *groups.Settings) { s.Start.At = 1 << 40 }, groups.Failed},
		} {
			if err := n.groups.Create(t.Context(), "tester", c.key, settings(c.change)); groups.KindOf(err) != c.want {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := n.groups.List(t.Context(), "nothing"); groups.KindOf(err) != groups.NotFound {
			t.Errorf("the list of a stream without groups: %v", err)
		}
		if list, err := n.groups.List(t.Context(), "orders"); err != nil || len(list) != 2 || list[0].Key != orders {
			t.Errorf("the list is %v (err %v)", list, err)
		}
		stop := int64(-1)
		if err := n.groups.Replay(t.Context(), orders, &stop); groups.KindOf(err) != groups.Failed {
			t.Errorf("a replay up to -1: %v", err)
		}
	})
}

func TestAStreamThatEnds(t *testing.T) {
	inBubble(t, func(t *testing.T, n *node) {
		n.append("orders", "a")
		n.create(orders, nil)
		if _, err := n.engine.Tombstone(t.Context(), "orders", engine.Any); err != nil {
			t.Fatal(err)
		}
		c := n.connect(orders, 10)
		received(c)
		time.Sleep(time.Minute)
		if err := n.groups.Delete(t.Context(), "tester", orders); err != nil {
			t.Fatal(err)
		}
	})
}

// TestManyEventsThroughSmallBuffers reads more than anything holds.
func TestManyEventsThroughSmallBuffers(t *testing.T) {
	inBubble(t, func(t *testing.T, n *node) {
		const events = 3_000
		n.create(orders, func(s *groups.Settings) { s.HistoryBuffer, s.LiveBuffer, s.ReadBatch = 3, 2, 1 })
		c := n.connect(orders, 4)
		var wg sync.WaitGroup
		wg.Go(func() {
			for i := range events {
				n.append("orders", fmt.Sprint(i))
			}
		})
		limit := time.After(time.Hour)
		for i := range events {
			select {
			case d := <-c.Deliveries():
				if got := string(d.Event.Resolved.Event.Data); got != fmt.Sprint(i) {
					t.Fatalf("event %d is %s", i, got)
				}
				if err := c.Ack(t.Context(), []eventlog.EventID{d.Event.ID}); err != nil {
					t.Fatal(err)
				}
			case <-limit:
				t.Fatalf("event %d does not come", i)
			}
		}
		wg.Wait()
		if info := n.info(orders); info.Delivered != events || info.InFlight != 0 {
			t.Errorf("%+v", info)
		}
	})
}

// ailing is an engine whose log takes no writes of groups for a while. Every
// other refusal comes after the write was stored.
type ailing struct {
	engine.API
	mu   sync.Mutex
	left int
}

func (a *ailing) AppendTogether(ctx context.Context, writes ...engine.Write) ([]engine.Written, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.left == 0 {
		return a.API.AppendTogether(ctx, writes...)
	}
	if a.left--; a.left%2 == 0 {
		if _, err := a.API.AppendTogether(ctx, writes...); err != nil {
			return nil, err
		}
	}
	return nil, domain.Errorf(domain.Unknown, "the answer is lost")
}

func TestALogThatTakesNoWritesLosesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, n *node) {
		n.append("orders", "a", "b", "c")
		n.create(orders, eager)
		n.groups.Close()
		sick := &ailing{API: n.engine, left: 5}
		n.api = sick
		n.open()
		c := n.connect(orders, 10)
		ids := n.gets(c, "a", "b", "c")
		park(t, c, ids[0])
		park(t, c, ids[2])
		if info := n.info(orders); info.Saved {
			t.Errorf("%+v", info)
		}
		time.Sleep(time.Minute)
		if got := n.stream(ordersParked); !slices.Equal(got, []string{"0@orders", "2@orders"}) {
			t.Errorf("the parked stream holds %q", got)
		}
		if info := n.info(orders); info.Parked != 2 || info.Checkpoint != 0 {
			t.Errorf("%+v", info)
		}
	})
}
