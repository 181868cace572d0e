package esdbserver_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/persistent"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"orderflow/infra/esdbserver/internal/engine"
	"orderflow/infra/memory"
)

// rawPersistent returns a client without the official one's habits.
func rawPersistent(t testing.TB, address string) persistent.PersistentSubscriptionsClient {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return persistent.NewPersistentSubscriptionsClient(conn)
}

func eagerSettings() *esdb.PersistentSubscriptionSettings {
	s := esdb.SubscriptionSettingsDefault()
	s.CheckpointLowerBound, s.CheckpointUpperBound = 1, 1
	return &s
}

// take receives one event.
func take(t testing.TB, s *esdb.PersistentSubscription) *esdb.EventAppeared {
	t.Helper()
	got := make(chan *esdb.PersistentSubscriptionEvent, 1)
	go func() { got <- s.Recv() }()
	select {
	case e := <-got:
		if e.EventAppeared == nil {
			t.Fatalf("dropped: %v", e.SubscriptionDropped.Error)
		}
		return e.EventAppeared
	case <-ctx(t).Done():
		t.Fatal("no event comes")
		return nil
	}
}

func share(t testing.TB, c *esdb.Client, stream, group string, buffer uint32) *esdb.PersistentSubscription {
	t.Helper()
	s, err := c.SubscribeToPersistentSubscription(context.WithoutCancel(ctx(t)), stream, group, esdb.SubscribeToPersistentSubscriptionOptions{BufferSize: buffer})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// eventually waits until a group is as it should be.
func eventually(t testing.TB, c *esdb.Client, stream, group string, is func(*esdb.PersistentSubscriptionInfo) bool) {
	t.Helper()
	limit := ctx(t)
	for {
		info, err := c.GetPersistentSubscriptionInfo(limit, stream, group, esdb.GetPersistentSubscriptionOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if is(info) {
			return
		}
		if limit.Err() != nil {
			t.Fatalf("it stays %+v, %+v", info, info.Stats)
		}
	}
}

// TestGroupsShareAStream is what the official client sees of a group: events,
// retries, parking, replaying and figures, over a restart of the node.
func TestGroupsShareAStream(t *testing.T) {
	dir := t.TempDir()
	t.Run("first", func(t *testing.T) {
		c := connect(t, "esdb://"+serve(t, openLog(t, dir)).address+"?tls=false")
		mustAppend(t, c, "s/1 ä", event("a"), event("b"), event("c"), event("d"))
		s := eagerSettings()
		s.ExtraStatistics = true
		if err := c.CreatePersistentSubscription(ctx(t), "s/1 ä", "g/%2F", esdb.PersistentStreamSubscriptionOptions{StartFrom: esdb.Revision(1), Settings: s}); err != nil {
			t.Fatal(err)
		}
		sub := share(t, c, "s/1 ä", "g/%2F", 2)
		b, cc := take(t, sub), take(t, sub)
		if b.Event.Event.EventType != "b" || b.RetryCount != 0 || b.Event.Commit == nil || b.Event.Event.CreatedDate.IsZero() {
			t.Errorf("%+v", b.Event.Event)
		}
		if err := sub.Nack("not now", esdb.NackActionRetry, b.Event); err != nil {
			t.Fatal(err)
		}
		if again := take(t, sub); again.RetryCount != 1 || again.Event.Event.EventID != b.Event.Event.EventID {
			t.Errorf("%+v", again)
		}
		if err := errors.Join(sub.Ack(b.Event), sub.Nack("not me", esdb.NackActionPark, cc.Event)); err != nil {
			t.Fatal(err)
		}
		if d := take(t, sub); d.Event.Event.EventType != "d" {
			t.Errorf("%+v", d)
		}
		eventually(t, c, "s/1 ä", "g/%2F", func(i *esdb.PersistentSubscriptionInfo) bool { return i.Stats.ParkedMessagesCount == 1 })
		info, err := c.GetPersistentSubscriptionInfo(ctx(t), "s/1 ä", "g/%2F", esdb.GetPersistentSubscriptionOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if info.EventSource != "s/1 ä" || info.GroupName != "g/%2F" || info.Status != "Live" || info.Settings.StartFrom != esdb.Revision(1) ||
			*info.Stats.LastCheckpointedEventRevision != 2 || *info.Stats.LastKnownEventRevision != 3 || info.Stats.TotalInFlightMessages != 1 {
			t.Errorf("%+v, %+v, %+v", info, info.Settings, info.Stats)
		}
		if k := info.Connections; len(k) != 1 || k[0].Username != "anonymous" || k[0].InFlightMessages != 1 || k[0].AvailableSlots != 1 || len(k[0].ExtraStatistics) != 14 {
			t.Errorf("%+v", k)
		}
	})
	t.Run("second", func(t *testing.T) {
		c := connect(t, "esdb://"+serve(t, openLog(t, dir)).address+"?tls=false")
		sub := share(t, c, "s/1 ä", "g/%2F", 2)
		if d := take(t, sub); d.Event.Event.EventType != "d" {
			t.Errorf("%+v", d)
		}
		if err := c.ReplayParkedMessages(ctx(t), "s/1 ä", "g/%2F", esdb.ReplayParkedMessagesOptions{}); err != nil {
			t.Fatal(err)
		}
		p := take(t, sub)
		if p.Event.Event.EventType != "c" || p.Event.Link == nil || p.RetryCount != 0 {
			t.Errorf("%+v", p)
		}
		if err := sub.Ack(p.Event); err != nil {
			t.Fatal(err)
		}
		eventually(t, c, "s/1 ä", "g/%2F", func(i *esdb.PersistentSubscriptionInfo) bool {
			return i.Stats.ParkedMessagesCount == 0 && i.Status == "Live"
		})
	})
}

func TestGroupsOnAll(t *testing.T) {
	c := fresh(t)
	filter := &esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Regex: "^(?!\\$)wanted"}
	if err := c.CreatePersistentSubscriptionToAll(ctx(t), "g", esdb.PersistentAllSubscriptionOptions{
		StartFrom: esdb.Start{}, Settings: eagerSettings(), Filter: filter,
	}); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, c, "other", event("a"))
	w := mustAppend(t, c, "wanted", event("b"))
	sub, err := c.SubscribeToPersistentSubscriptionToAll(context.WithoutCancel(ctx(t)), "g", esdb.SubscribeToPersistentSubscriptionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sub.Close() })
	e := take(t, sub)
	if e.Event.Event.EventType != "b" || e.Event.Event.Position.Commit != w.CommitPosition {
		t.Fatalf("%+v", e.Event.Event)
	}
	if err := sub.Ack(e.Event); err != nil {
		t.Fatal(err)
	}
	limit := ctx(t)
	for {
		info, err := c.GetPersistentSubscriptionInfoToAll(limit, "g", esdb.GetPersistentSubscriptionOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if at := info.Stats.LastCheckpointedPosition; at != nil && at.Commit == w.CommitPosition {
			break
		}
	}
	list, err := c.ListPersistentSubscriptionsToAll(ctx(t), esdb.ListPersistentSubscriptionsOptions{})
	if err != nil || len(list) != 1 || list[0].GroupName != "g" {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestAGroupEndsItsClients(t *testing.T) {
	n := serve(t, memory.NewDense())
	c, raw := connect(t, "esdb://"+n.address+"?tls=false"), rawPersistent(t, n.address)
	settings := esdb.SubscriptionSettingsDefault()
	settings.MaxSubscriberCount = 1
	if err := c.CreatePersistentSubscription(ctx(t), "s", "g", esdb.PersistentStreamSubscriptionOptions{Settings: &settings}); err != nil {
		t.Fatal(err)
	}
	var trailers metadata.MD
	stream, err := raw.Read(ctx(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(readOptions("g")); err != nil {
		t.Fatal(err)
	}
	first, err := stream.Recv()
	if err != nil || first.GetSubscriptionConfirmation().GetSubscriptionId() != "s::g" {
		t.Fatalf("%v, %v", first, err)
	}
	second, err := raw.Read(ctx(t), grpc.Trailer(&trailers))
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Send(readOptions("g")); err != nil {
		t.Fatal(err)
	}
	_, err = second.Recv()
	same(t, "a second client", err, second.Trailer(), codes.FailedPrecondition, "maximum-subscribers-reached")
	if err := c.DeletePersistentSubscription(ctx(t), "s", "g", esdb.DeletePersistentSubscriptionOptions{}); err != nil {
		t.Fatal(err)
	}
	_, err = stream.Recv()
	same(t, "a deleted group", err, stream.Trailer(), codes.Canceled, "persistent-subscription-dropped")
}

// readOptions begin the reading of a group on the stream s.
func readOptions(group string) *persistent.ReadReq {
	return &persistent.ReadReq{Content: &persistent.ReadReq_Options_{Options: &persistent.ReadReq_Options{
		StreamOption: &persistent.ReadReq_Options_StreamIdentifier{StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte("s")}},
		GroupName:    group, BufferSize: 10,
		UuidOption: &persistent.ReadReq_Options_UUIDOption{Content: &persistent.ReadReq_Options_UUIDOption_Structured{}},
	}}}
}

// TestABrokenConfiguration keeps nobody from streams.
func TestABrokenConfiguration(t *testing.T) {
	log := memory.NewDense()
	n, stop := start(t, log)
	mustAppend(t, connect(t, "esdb://"+n.address+"?tls=false"), "s", event("a"))
	if _, err := n.Engine().Append(ctx(t), engine.Write{Stream: "$persistentSubscriptionConfig", Expected: engine.Any, Events: []engine.Proposed{
		{ID: [16]byte{1}, Type: "$PersistentConfig", JSON: true, Data: []byte("{")},
	}}); err != nil {
		t.Fatal(err)
	}
	stop()
	again := serve(t, log)
	c := connect(t, "esdb://"+again.address+"?tls=false")
	mustAppend(t, c, "s", event("a"))
	if _, err := c.ListAllPersistentSubscriptions(ctx(t), esdb.ListPersistentSubscriptionsOptions{}); err == nil {
		t.Error("groups are listed though nobody knows them")
	}
	if _, err := again.Engine().Append(ctx(t), engine.Write{Stream: "$persistentSubscriptionConfig", Expected: engine.Any, Events: []engine.Proposed{
		{ID: [16]byte{2}, Type: "$PersistentConfig", JSON: true, Data: []byte(`{"version":"2"}`)},
	}}); err != nil {
		t.Fatal(err)
	}
	if err := c.CreatePersistentSubscription(ctx(t), "s", "g", esdb.PersistentStreamSubscriptionOptions{}); err != nil {
		t.Errorf("after it was mended: %v", err)
	}
}

// TestManyGroups makes and closes them, with a client each.
func TestManyGroups(t *testing.T) {
	c := fresh(t)
	mustAppend(t, c, "s", event("a"))
	for i := range 50 {
		group := fmt.Sprint("g", i)
		if err := c.CreatePersistentSubscription(ctx(t), "s", group, esdb.PersistentStreamSubscriptionOptions{StartFrom: esdb.Start{}}); err != nil {
			t.Fatal(err)
		}
		take(t, share(t, c, "s", group, 1))
	}
	if err := c.RestartPersistentSubscriptionSubsystem(ctx(t), esdb.RestartPersistentSubscriptionSubsystemOptions{}); err != nil {
		t.Fatal(err)
	}
	list, err := c.ListAllPersistentSubscriptions(ctx(t), esdb.ListPersistentSubscriptionsOptions{})
	if err != nil || len(list) != 50 {
		t.Errorf("%d groups, %v", len(list), err)
	}
}
