package esdbserver_test

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"orderflow/infra/esdbserver/internal/engine"
)

// codeOf returns the official client's name of an error.
func codeOf(err error) esdb.ErrorCode {
	if err == nil {
		return -1
	}
	if of, ok := errors.AsType[*esdb.Error](err); ok { // the client wraps some
		return of.Code()
	}
	return esdb.ErrorCodeUnknown
}

// TestRoundTrip appends, reads and follows with the official client.
func TestRoundTrip(t *testing.T) {
	c := fresh(t)
	first, second := event("tested.v1"), event("tested.v2")
	second.ContentType, second.Data, second.Metadata = esdb.ContentTypeBinary, []byte{0, 1, 2}, nil
	w := mustAppend(t, c, "test-1", first, second)
	if w.NextExpectedVersion != 1 || w.CommitPosition == 0 || w.PreparePosition != w.CommitPosition {
		t.Fatalf("appended %+v", w)
	}
	got, err := readAllOf(t, c, "test-1")
	if err != nil || len(got) != 2 {
		t.Fatalf("%d events, %v", len(got), err)
	}
	for i, want := range []esdb.EventData{first, second} {
		e := got[i].Event
		if e.EventID != want.EventID || e.EventType != want.EventType || string(e.Data) != string(want.Data) ||
			string(e.UserMetadata) != string(want.Metadata) || e.EventNumber != uint64(i) || time.Since(e.CreatedDate) > patience {
			t.Errorf("event %d: %+v", i, e)
		}
	}
	sub, err := c.SubscribeToStream(ctx(t), "test-1", esdb.SubscribeToStreamOptions{From: esdb.Revision(0)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sub.Close() }()
	if e := sub.Recv(); e.EventAppeared == nil || e.EventAppeared.Event.EventNumber != 1 {
		t.Fatalf("%+v", e)
	}
	if e := sub.Recv(); e.CaughtUp == nil {
		t.Fatalf("%+v", e)
	}
	mustAppend(t, c, "test-1", event("tested.v3"))
	if e := sub.Recv(); e.EventAppeared == nil || e.EventAppeared.Event.EventNumber != 2 {
		t.Fatalf("%+v", e)
	}
}

// TestExpectations says what a client gets that is wrong about a stream.
func TestExpectations(t *testing.T) {
	c := fresh(t)
	mustAppend(t, c, "test-1", event("a"))
	for _, expected := range []esdb.ExpectedRevision{esdb.NoStream{}, esdb.Revision(1), esdb.Revision(7)} {
		_, err := c.AppendToStream(ctx(t), "test-1", esdb.AppendToStreamOptions{ExpectedRevision: expected}, event("b"))
		if codeOf(err) != esdb.ErrorCodeWrongExpectedVersion {
			t.Errorf("%v: %v", expected, err)
		}
	}
	_, err := c.AppendToStream(ctx(t), "test-2", esdb.AppendToStreamOptions{ExpectedRevision: esdb.StreamExists{}}, event("b"))
	if codeOf(err) != esdb.ErrorCodeWrongExpectedVersion {
		t.Errorf("%v", err)
	}
	_, err = c.DeleteStream(ctx(t), "test-1", esdb.DeleteStreamOptions{ExpectedRevision: esdb.Revision(4)})
	if err == nil || !strings.Contains(err.Error(), "Expected version: 4, Actual version: 0") {
		t.Errorf("%v", err)
	}
}

// TestLimits says what is refused, and that it says why.
func TestLimits(t *testing.T) {
	c := fresh(t)
	large := event("large")
	large.Data = make([]byte, engine.MaxAppendBytes+1)
	nameless, unnamed := event(""), event("a")
	unnamed.EventID = [16]byte{}
	for _, r := range []struct {
		name   string
		stream string
		event  esdb.EventData
		says   string
	}{
		{"an append that is too large", "test-1", large, "Maximum Append Size of 1048576 Exceeded"},
		{"a name that is too long", strings.Repeat("s", 65_536), event("a"), "at most 65535 bytes, not 65536"},
		{"no name", "", event("a"), "A stream has a name"},
		{"no type", "test-1", nameless, "Exception was thrown by handler."},
		{"a type that is too long", "test-1", event(strings.Repeat("t", 65_536)), "at most 65535 bytes"},
	} {
		_, err := c.AppendToStream(ctx(t), r.stream, esdb.AppendToStreamOptions{}, r.event)
		if err == nil || !strings.Contains(err.Error(), r.says) {
			t.Errorf("%s: %v; want %q", r.name, err, r.says)
		}
	}
	large.Data = large.Data[:engine.MaxAppendBytes]
	if _, err := c.AppendToStream(ctx(t), strings.Repeat("s", 65_535), esdb.AppendToStreamOptions{}, large); err != nil {
		t.Errorf("what just fits: %v", err)
	}
}

// TestLives deletes a stream, begins it again and ends it.
func TestLives(t *testing.T) {
	c := fresh(t)
	mustAppend(t, c, "test-1", event("a"), event("b"))
	d, err := c.DeleteStream(ctx(t), "test-1", esdb.DeleteStreamOptions{ExpectedRevision: esdb.Revision(1)})
	if err != nil || d.Position.Commit == 0 {
		t.Fatalf("%+v, %v", d, err)
	}
	if _, err := readAllOf(t, c, "test-1"); codeOf(err) != esdb.ErrorCodeResourceNotFound {
		t.Fatalf("%v", err)
	}
	if w := mustAppend(t, c, "test-1", event("c")); w.NextExpectedVersion != 2 {
		t.Fatalf("%+v", w)
	}
	m, err := c.GetStreamMetadata(ctx(t), "test-1", esdb.ReadStreamOptions{})
	if err != nil || m.TruncateBefore() == nil || *m.TruncateBefore() != 2 {
		t.Fatalf("%+v, %v", m, err)
	}
	if _, err := c.TombstoneStream(ctx(t), "test-1", esdb.TombstoneStreamOptions{ExpectedRevision: esdb.Any{}}); err != nil {
		t.Fatal(err)
	}
	if _, err := readAllOf(t, c, "test-1"); codeOf(err) != esdb.ErrorCodeStreamDeleted {
		t.Errorf("read: %v", err)
	}
	if _, err := c.AppendToStream(ctx(t), "test-1", esdb.AppendToStreamOptions{}, event("d")); codeOf(err) != esdb.ErrorCodeStreamDeleted {
		t.Errorf("append: %v", err)
	}
	if _, err := c.DeleteStream(ctx(t), "test-1", esdb.DeleteStreamOptions{ExpectedRevision: esdb.Any{}}); err == nil || !strings.Contains(err.Error(), "is deleted") {
		t.Errorf("delete: %v", err)
	}
}

// TestNames says that any name is served, and errors about any come back whole.
func TestNames(t *testing.T) {
	c := fresh(t)
	for _, name := range []string{"with space", "größe-ü", "line\nbreak", "a/b?c=d#e", "-", "日本", "\x00"} {
		mustAppend(t, c, name, event("a"))
		if got, err := readAllOf(t, c, name); err != nil || len(got) != 1 || got[0].Event.StreamID != name {
			t.Errorf("%q: %d events, %v", name, len(got), err)
		}
		if _, err := c.TombstoneStream(ctx(t), name, esdb.TombstoneStreamOptions{ExpectedRevision: esdb.Any{}}); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		if _, err := readAllOf(t, c, name); codeOf(err) != esdb.ErrorCodeStreamDeleted {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestFilters follows all with each kind of filter.
func TestFilters(t *testing.T) {
	c := fresh(t)
	for _, e := range []struct{ stream, name string }{{"order-1", "placed"}, {"order-2", "shipped"}, {"payment-1", "placed"}, {"order-1", "$system"}} {
		mustAppend(t, c, e.stream, event(e.name))
	}
	for _, f := range []struct {
		filter *esdb.SubscriptionFilter
		want   string
	}{
		{&esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Prefixes: []string{"order-"}}, "order-1 placed, order-2 shipped, order-1 $system"},
		{&esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Prefixes: []string{"nothing", "payment"}}, "payment-1 placed"},
		{&esdb.SubscriptionFilter{Type: esdb.EventFilterType, Prefixes: []string{"ship"}}, "order-2 shipped"},
		{&esdb.SubscriptionFilter{Type: esdb.EventFilterType, Regex: "^(?!\\$)"}, "order-1 placed, order-2 shipped, payment-1 placed"},
		{&esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Regex: "er-2$"}, "order-2 shipped"},
		{&esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Regex: "^(order|payment)-1$"}, "order-1 placed, payment-1 placed, order-1 $system"},
	} {
		sub, err := c.SubscribeToAll(ctx(t), esdb.SubscribeToAllOptions{From: esdb.Start{}, Filter: f.filter, MaxSearchWindow: 3, CheckpointInterval: 2})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		var last, checkpoint esdb.Position
		for caughtUp := false; !caughtUp; {
			switch e := sub.Recv(); {
			case e.EventAppeared != nil:
				o := e.EventAppeared.OriginalEvent()
				got = append(got, o.StreamID+" "+o.EventType)
				last = o.Position
				if checkpoint.Commit >= last.Commit {
					t.Errorf("an event at %v after the checkpoint at %v", last, checkpoint)
				}
			case e.CheckPointReached != nil:
				checkpoint = *e.CheckPointReached
			case e.CaughtUp != nil:
				caughtUp = true
			case e.SubscriptionDropped != nil:
				t.Fatalf("%v", e.SubscriptionDropped.Error)
			}
		}
		_ = sub.Close()
		mine := regexp.MustCompile(`^(order|payment)`)
		for i := len(got) - 1; i >= 0; i-- {
			if !mine.MatchString(got[i]) {
				got = append(got[:i], got[i+1:]...) // users
			}
		}
		if text := strings.Join(got, ", "); text != f.want {
			t.Errorf("%+v: %s; want %s", f.filter, text, f.want)
		}
		if checkpoint.Commit < last.Commit {
			t.Errorf("%+v: the last checkpoint is %v, the last event %v", f.filter, checkpoint, last)
		}
	}
	sub, err := c.SubscribeToAll(ctx(t), esdb.SubscribeToAllOptions{Filter: &esdb.SubscriptionFilter{Type: esdb.EventFilterType, Regex: "("}})
	if err == nil {
		_ = sub.Close()
	}
	if err == nil || !strings.Contains(fmt.Sprint(err), "no regular expression") {
		t.Errorf("%v", err)
	}
}

// TestSlowExpression says that an expression that never ends ends its subscription.
func TestSlowExpression(t *testing.T) {
	c := fresh(t)
	mustAppend(t, c, "s", event(strings.Repeat("a", 1_000)+"!"))
	sub, err := c.SubscribeToAll(ctx(t), esdb.SubscribeToAllOptions{
		From: esdb.Start{}, Filter: &esdb.SubscriptionFilter{Type: esdb.EventFilterType, Regex: "^(a+)+$"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sub.Close() }()
	for {
		e := sub.Recv()
		if e.SubscriptionDropped == nil {
			continue
		}
		if !strings.Contains(e.SubscriptionDropped.Error.Error(), "takes too long") {
			t.Errorf("%v", e.SubscriptionDropped.Error)
		}
		return
	}
}

// TestSubscriptionEnds says what a client is told when its stream ends, and
// when the node does.
func TestSubscriptionEnds(t *testing.T) {
	n := serve(t, newLog(t))
	c := connect(t, "esdb://"+n.address+"?tls=false")
	mustAppend(t, c, "s", event("a"))
	of, err := c.SubscribeToStream(ctx(t), "s", esdb.SubscribeToStreamOptions{From: esdb.Start{}})
	all, err2 := c.SubscribeToAll(ctx(t), esdb.SubscribeToAllOptions{From: esdb.End{}})
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	if _, err := c.TombstoneStream(ctx(t), "s", esdb.TombstoneStreamOptions{ExpectedRevision: esdb.Any{}}); err != nil {
		t.Fatal(err)
	}
	if err := dropped(of); !strings.Contains(err.Error(), "is deleted") {
		t.Errorf("%v", err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if err := dropped(all); !strings.Contains(err.Error(), "being stopped") {
		t.Errorf("%v", err)
	}
}

// dropped receives until a subscription ends, and returns why.
func dropped(s *esdb.Subscription) error {
	for {
		if e := s.Recv(); e.SubscriptionDropped != nil {
			return e.SubscriptionDropped.Error
		}
	}
}
