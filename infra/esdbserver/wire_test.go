package esdbserver_test

import (
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
)

// TestRoundTrip appends, reads and follows with the official client.
func TestRoundTrip(t *testing.T) {
	c := fresh(t)
	first, second := event("tested.v1"), event("tested.v2")
	second.ContentType, second.Data, second.Metadata = esdb.ContentTypeBinary, []byte{0, 1, 2}, nil
	w := mustAppend(t, c, "test-1", first, second)
	if w.NextExpectedVersion != 1 || w.CommitPosition == 0 {
		t.Fatalf("appended %+v", w)
	}
	got, err := readAllOf(t, c, "test-1")
	if err != nil || len(got) != 2 {
		t.Fatalf("%d events, %v", len(got), err)
	}
	for i, want := range []esdb.EventData{first, second} {
		e := got[i].Event
		if e.EventID != want.EventID || e.EventType != want.EventType || string(e.Data) != string(want.Data) ||
			string(e.UserMetadata) != string(want.Metadata) || e.EventNumber != uint64(i) {
			t.Errorf("event %d: %+v", i, e)
		}
	}
	sub, err := c.SubscribeToStream(ctx(t), "test-1", esdb.SubscribeToStreamOptions{From: esdb.Revision(0)})
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
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
