package groups_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver/internal/engine"
	"orderflow/infra/esdbserver/internal/groups"
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
	n := &node{t: t, log: memory.NewDense()}
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

// stream returns the data of all events of a stream.
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

// received returns the events that a client has got, as text and retries.
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
