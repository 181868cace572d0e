package groups_test

import (
	"slices"
	"testing"
	"time"

	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver/internal/engine"
	"orderflow/infra/esdbserver/internal/groups"
)

// link writes links to the given events.
func (n *node) link(stream string, targets ...string) {
	n.t.Helper()
	w := engine.Write{Stream: stream, Expected: engine.Any}
	for _, target := range targets {
		n.ids++
		w.Events = append(w.Events, engine.Proposed{ID: eventlog.EventID{0: 8, 3: byte(n.ids)}, Type: engine.LinkType, Data: []byte(target)})
	}
	if _, err := n.engine.Append(n.t.Context(), w); err != nil {
		n.t.Fatal(err)
	}
}

func TestLinksAreFollowed(t *testing.T) {
	inBubble(t, func(t *testing.T, n *node) {
		category := groups.Key{Stream: "$ce-order", Group: "g"}
		parked := "$persistentsubscription-$ce-order::g-parked"
		n.append("order-1", "a", "b")
		n.link("$ce-order", "0@order-1", "7@gone", "1@order-1")
		n.create(category, func(s *groups.Settings) { eager(s); s.ResolveLinks = true })
		c := n.connect(category, 10)
		ids := n.gets(c, "a", "gone", "b")
		if ids[0][0] != 8 {
			t.Error("an event is not acknowledged by its link")
		}
		park(t, c, ids...)
		if got := n.stream(parked); !slices.Equal(got, []string{"0@order-1", "7@gone", "1@order-1"}) {
			t.Errorf("the parked stream holds %q", got)
		}
		if info := n.info(category); info.Parked != 3 || info.Checkpoint != 2 {
			t.Errorf("%+v", info)
		}
		if err := n.groups.Replay(t.Context(), category, nil); err != nil {
			t.Fatal(err)
		}
		ack(t, c, n.gets(c, "a", "b")...)
		time.Sleep(time.Second)
		if info := n.info(category); info.Parked != 0 || info.Status != "Live" {
			t.Errorf("%+v", info)
		}
	})
}

func TestBuckets(t *testing.T) {
	event := func(stream, correlation string) engine.Resolved {
		return engine.Resolved{Event: &engine.Event{Stream: stream, Metadata: []byte(`{"$correlationId":"` + correlation + `"}`)}}
	}
	link := func(to string) *engine.Event {
		return &engine.Event{Stream: "$ce-order", Type: engine.LinkType, Data: []byte(to)}
	}
	bucket := groups.Bucket
	if bucket(groups.RoundRobin, event("a", "x")) != 0 {
		t.Error("a strategy that does not pin has buckets")
	}
	of := bucket(groups.Pinned, event("order-1", "x"))
	for name, r := range map[string]engine.Resolved{
		"another event of the stream": event("order-1", "y"),
		"a link that was followed":    {Event: event("order-1", "").Event, Link: link("3@order-1")},
		"a link to nothing":           {Link: link("3@order-1")},
		"a link that is not followed": {Event: link("3@order-1")},
	} {
		if bucket(groups.Pinned, r) != of {
			t.Errorf("%s is in another bucket", name)
		}
	}
	if bucket(groups.Pinned, event("order-2", "x")) == of {
		t.Error("another stream is in the same bucket")
	}
	if bucket(groups.PinnedByCorrelation, event("a", "x")) != bucket(groups.PinnedByCorrelation, event("b", "x")) {
		t.Error("events of one correlation are in two buckets")
	}
	if bucket(groups.PinnedByCorrelation, event("a", "")) != bucket(groups.Pinned, event("a", "")) {
		t.Error("without a correlation the stream counts")
	}
}
