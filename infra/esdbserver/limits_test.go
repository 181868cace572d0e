package esdbserver_test

import (
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver"
	"orderflow/infra/esdbserver/internal/engine"
	"orderflow/infra/memory"
	"orderflow/infra/pebblelog"
)

// TestMaxAppendBytes says that a node takes as much data as it is told to, and
// never more than the log's one write.
func TestMaxAppendBytes(t *testing.T) {
	const told = 2_000
	c := connect(t, "esdb://"+serve(t, memory.NewDense(), func(o *esdbserver.Options) { o.MaxAppendBytes = told }).address+"?tls=false")
	for bytes, taken := range map[int]bool{told: true, told + 1: false} {
		e := event("a")
		e.ContentType, e.Data = esdb.ContentTypeBinary, make([]byte, bytes)
		if _, err := c.AppendToStream(ctx(t), "s", esdb.AppendToStreamOptions{}, e); (err == nil) != taken {
			t.Errorf("%d bytes: %v", bytes, err)
		}
	}
	for _, bytes := range []int{-1, esdbserver.MaxAppendTotalBytes + 1} {
		if _, err := esdbserver.New(t.Context(), esdbserver.Options{Log: memory.NewDense(), Insecure: true, MaxAppendBytes: bytes}); domain.KindOf(err) != domain.Invalid {
			t.Errorf("a node that takes %d bytes: %v", bytes, err)
		}
	}
	whole := engine.New(memory.NewDense(), engine.Options{MaxAppendBytes: esdbserver.MaxAppendTotalBytes})
	defer whole.Close()
	if err := whole.CheckSize(esdbserver.MaxAppendTotalBytes, esdbserver.MaxAppendTotalBytes, 1); err != nil {
		t.Error(err)
	}
	if err := whole.CheckSize(1, esdbserver.MaxAppendTotalBytes+1, 1); err == nil {
		t.Error("more than one write of the log was taken")
	}
}

// TestNobodyWritesAll holds the administrator to it as well.
func TestNobodyWritesAll(t *testing.T) {
	n, ca := secure(t)
	admin := n.as(t, ca, "admin:changeit")
	_, err := admin.AppendToStream(ctx(t), "$all", esdb.AppendToStreamOptions{}, event("a"))
	if codeOf(err) != esdb.ErrorCodeAccessDenied {
		t.Errorf("an append to $all: %v", err)
	}
	if _, err := admin.DeleteStream(ctx(t), "$all", esdb.DeleteStreamOptions{}); codeOf(err) != esdb.ErrorCodeAccessDenied {
		t.Errorf("a delete of $all: %v", err)
	}
	meta := esdb.StreamMetadata{} // by which others may read it
	if _, err := admin.SetStreamMetadata(ctx(t), "$all", esdb.AppendToStreamOptions{}, meta); err != nil {
		t.Errorf("the metadata of $all: %v", err)
	}
}

// TestAGroupAtNoPlaceStaysOne restarts a node with a group that begins where no
// event is: it is kept so, and an update makes it one that reads.
func TestAGroupAtNoPlaceStaysOne(t *testing.T) {
	dir := t.TempDir()
	var at uint64
	create := func(t *testing.T) {
		log, err := pebblelog.Open(dir, pebblelog.Options{IndexIDs: true, LongNames: true})
		if err != nil {
			t.Fatal(err)
		}
		n, stop := start(t, log)
		c := connect(t, "esdb://"+n.address+"?tls=false")
		at = mustAppend(t, c, "s", event("a")).CommitPosition
		mustAppend(t, c, "s", event("b"))
		if err := c.CreatePersistentSubscriptionToAll(ctx(t), "g", esdb.PersistentAllSubscriptionOptions{
			StartFrom: esdb.Position{Commit: at + 1, Prepare: at + 1}, Settings: eagerSettings(),
		}); err != nil {
			t.Fatal(err)
		}
		stop()
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
	}
	create(t)
	c := connect(t, "esdb://"+serve(t, openLog(t, dir)).address+"?tls=false")
	info, err := c.GetPersistentSubscriptionInfoToAll(ctx(t), "g", esdb.GetPersistentSubscriptionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if begins, ok := info.Settings.StartFrom.(*esdb.Position); !ok || begins.Commit != at+1 {
		t.Errorf("the group begins at %#v, not at %d", info.Settings.StartFrom, at+1)
	}
	sub, err := c.SubscribeToPersistentSubscriptionToAll(ctx(t), "g", esdb.SubscribeToPersistentSubscriptionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if e := sub.Recv(); e.SubscriptionDropped == nil {
		t.Errorf("a group that begins nowhere delivers %+v", e)
	}
	if err := c.UpdatePersistentSubscriptionToAll(ctx(t), "g", esdb.PersistentAllSubscriptionOptions{
		StartFrom: esdb.Position{Commit: at, Prepare: at}, Settings: eagerSettings(),
	}); err != nil {
		t.Fatal(err)
	}
	if sub, err = c.SubscribeToPersistentSubscriptionToAll(ctx(t), "g", esdb.SubscribeToPersistentSubscriptionOptions{}); err != nil {
		t.Fatal(err)
	}
	if e := take(t, sub); e.Event.Event.EventType != "a" {
		t.Errorf("the first event is %s", e.Event.Event.EventType)
	}
	_ = sub.Close()
}

// TestLongNamesNeedALogThatTakesThem says that another log refuses, with the
// same answer to a client.
func TestLongNamesNeedALogThatTakesThem(t *testing.T) {
	log, err := pebblelog.Open(t.TempDir(), pebblelog.Options{IndexIDs: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	c := connect(t, "esdb://"+serve(t, log).address+"?tls=false")
	name := make([]byte, eventlog.MaxStreamBytes+1)
	for i := range name {
		name[i] = 'n'
	}
	if _, err := c.AppendToStream(ctx(t), string(name), esdb.AppendToStreamOptions{}, event("a")); err == nil {
		t.Error("a log without long names took one")
	}
}
