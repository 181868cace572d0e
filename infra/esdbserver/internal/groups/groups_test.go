package groups_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver/internal/engine"
	"orderflow/infra/esdbserver/internal/groups"
)

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
		n.gets(n.connect(orders, 10), "a!1", "b!1")
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
