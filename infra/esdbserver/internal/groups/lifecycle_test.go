package groups_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver/internal/engine"
	"orderflow/infra/esdbserver/internal/groups"
)

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
			"long names":       {groups.Key{Stream: strings.Repeat("s", 700), Group: strings.Repeat("g", 400)}, nil, groups.Failed},
			"no name":          {groups.Key{Stream: "s"}, nil, groups.Invalid},
			"no such strategy": {groups.Key{Stream: "s", Group: "g"}, func(s *groups.Settings) { s.Strategy = "Best" }, groups.Failed},
			"large batch":      {groups.Key{Stream: "s", Group: "g"}, func(s *groups.Settings) { s.ReadBatch = 500 }, groups.Invalid},
			"no batch":         {groups.Key{Stream: "s", Group: "g"}, func(s *groups.Settings) { s.ReadBatch = 0 }, groups.Invalid},
			"no live buffer":   {groups.Key{Stream: "s", Group: "g"}, func(s *groups.Settings) { s.LiveBuffer = 0 }, groups.Invalid},
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
