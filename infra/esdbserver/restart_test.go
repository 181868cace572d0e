package esdbserver_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"golang.org/x/net/http2"

	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver"
	"orderflow/infra/esdbserver/internal/engine"
	"orderflow/infra/memory"
	"orderflow/infra/pebblelog"
)

// TestRestart says that a node that starts again has lost nothing: events,
// numbers, metadata, deletions, users, and the ids of what was stored.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	a, b := event("a"), event("b")
	var before, after []string
	session := func(do func(c *esdb.Client)) {
		log, err := pebblelog.Open(dir, pebblelog.Options{IndexIDs: true, LongNames: true})
		if err != nil {
			t.Fatal(err)
		}
		n, stop := start(t, log)
		do(connect(t, "esdb://"+n.address+"?tls=false"))
		stop()
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
	}
	all := func(c *esdb.Client) (told []string) {
		events, err := drain(c.ReadAll(ctx(t), esdb.ReadAllOptions{}, 1_000))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			told = append(told, fmt.Sprint(e.Event.Position.Commit, e.Event.StreamID, e.Event.EventNumber, e.Event.EventID, e.Event.CreatedDate, string(e.Event.Data)))
		}
		return told
	}
	session(func(c *esdb.Client) {
		mustAppend(t, c, "test-1", a, b)
		mustAppend(t, c, "deleted", event("c"))
		mustAppend(t, c, "ended", event("d"))
		_, err := c.DeleteStream(ctx(t), "deleted", esdb.DeleteStreamOptions{ExpectedRevision: esdb.Any{}})
		_, err2 := c.TombstoneStream(ctx(t), "ended", esdb.TombstoneStreamOptions{ExpectedRevision: esdb.Any{}})
		meta := esdb.StreamMetadata{}
		meta.SetMaxCount(1)
		_, err3 := c.SetStreamMetadata(ctx(t), "test-1", esdb.AppendToStreamOptions{}, meta)
		if err := errors.Join(err, err2, err3); err != nil {
			t.Fatal(err)
		}
		before = all(c)
	})
	session(func(c *esdb.Client) {
		if after = all(c); fmt.Sprint(after) != fmt.Sprint(before) {
			t.Errorf("%v\nwas\n%v", after, before)
		}
		if w := mustAppend(t, c, "test-1", a, b); w.NextExpectedVersion != 1 {
			t.Errorf("a repeat after the restart: %+v", w)
		}
		if got, err := readAllOf(t, c, "test-1"); err != nil || len(got) != 1 || got[0].Event.EventNumber != 1 {
			t.Errorf("$maxCount after the restart: %d events, %v", len(got), err)
		}
		if _, err := readAllOf(t, c, "deleted"); codeOf(err) != esdb.ErrorCodeResourceNotFound {
			t.Errorf("%v", err)
		}
		if _, err := readAllOf(t, c, "ended"); codeOf(err) != esdb.ErrorCodeStreamDeleted {
			t.Errorf("%v", err)
		}
		if w := mustAppend(t, c, "deleted", event("e")); w.NextExpectedVersion != 1 {
			t.Errorf("%+v", w)
		}
		if len(all(c)) != len(before)+2 { // the event, and where the stream begins now
			t.Errorf("more was stored than that")
		}
	})
}

// TestKeepalive says that a client may ask often whether the node is there,
// with no call under way.
func TestKeepalive(t *testing.T) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx(t), "tcp", serve(t, memory.NewDense()).address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, err = conn.Write([]byte(http2.ClientPreface))
	frames := http2.NewFramer(conn, conn)
	if err := errors.Join(err, frames.WriteSettings()); err != nil {
		t.Fatal(err)
	}
	every := time.NewTicker(15 * time.Millisecond)
	defer every.Stop()
	for i := range byte(10) {
		<-every.C
		if err := frames.WritePing(false, [8]byte{i}); err != nil {
			t.Fatal(err)
		}
		for answered := false; !answered; {
			f, err := frames.ReadFrame()
			if err != nil {
				t.Fatal(err)
			}
			switch f := f.(type) {
			case *http2.PingFrame:
				answered = f.IsAck() && f.Data[0] == i
			case *http2.GoAwayFrame:
				t.Fatalf("after %d pings: %s", i, f.DebugData())
			}
		}
	}
}

// TestHooks says what is counted.
func TestHooks(t *testing.T) {
	type call struct{ method, code string }
	calls, subscribers, appended := make(chan call, 100), make(chan int, 10), make(chan [2]int, 10)
	n := serve(t, memory.NewDense(), func(o *esdbserver.Options) {
		o.Hooks = esdbserver.Hooks{
			Called:     func(method, code string, _ time.Duration) { calls <- call{method, code} },
			Appended:   func(events, bytes int) { appended <- [2]int{events, bytes} },
			Subscribed: func(delta int) { subscribers <- delta },
		}
	})
	c := connect(t, "esdb://"+n.address+"?tls=false")
	e := event("type")
	e.Data, e.Metadata = []byte("12"), []byte("345")
	mustAppend(t, c, "s", e)
	if got := <-appended; got != [2]int{1, 2 + 3 + 4} {
		t.Errorf("%v", got)
	}
	sub, err := c.SubscribeToStream(ctx(t), "s", esdb.SubscribeToStreamOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := <-subscribers; got != 1 {
		t.Errorf("%d", got)
	}
	_ = sub.Close()
	if got := <-subscribers; got != -1 {
		t.Errorf("%d", got)
	}
	for _, want := range []call{
		{"/event_store.client.server_features.ServerFeatures/GetSupportedMethods", "OK"},
		{"/event_store.client.streams.Streams/Append", "OK"},
		{"/event_store.client.streams.Streams/Read", "Canceled"},
	} {
		if got := <-calls; got != want {
			t.Errorf("%v; want %v", got, want)
		}
	}
}

// brittle is a log that cannot be read backwards.
type brittle struct{ engine.Log }

func (brittle) ReadAllBack(context.Context, eventlog.Position) iter.Seq2[eventlog.Recorded, error] {
	panic("a bug")
}

// TestPanic says that a call that panics ends alone.
func TestPanic(t *testing.T) {
	c := connect(t, "esdb://"+serve(t, brittle{memory.NewDense()}).address+"?tls=false")
	_, err := drain(c.ReadAll(ctx(t), esdb.ReadAllOptions{Direction: esdb.Backwards, From: esdb.End{}}, 1))
	if err == nil || !strings.Contains(err.Error(), "Exception was thrown by handler.") {
		t.Errorf("%v", err)
	}
	mustAppend(t, c, "s", event("a"))
}

// TestClosedBeforeItServes says that a node that is stopped while it starts
// does not serve for ever.
func TestClosedBeforeItServes(t *testing.T) {
	s, err := esdbserver.New(t.Context(), esdbserver.Options{Log: memory.NewDense(), Insecure: true})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // at once
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("it still serves")
	}
}
