package main

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"orderflow/cmd/orderflow/internal/audit"
	"orderflow/cmd/orderflow/internal/bench"
	"orderflow/cmd/orderflow/internal/node"
	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver"
	"orderflow/infra/memory"
	"orderflow/infra/pebblelog"
)

// storeOn serves a log as an EventStoreDB node until the test ends, and returns how to connect.
func storeOn(t testing.TB, log esdbserver.Log) (connection string) {
	t.Helper()
	server, err := esdbserver.New(t.Context(), esdbserver.Options{Log: log, Insecure: true})
	if err != nil {
		t.Fatal(err)
	}
	var lc net.ListenConfig
	socket, err := lc.Listen(t.Context(), "tcp", node.AnyPort)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(socket) }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return "esdb://" + socket.Addr().String() + "?tls=false"
}

// work opens a node, lets some orders go the whole way, and closes it.
func work(t *testing.T, c node.Config, run string) {
	t.Helper()
	app, err := node.New(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	err = app.While(t.Context(), func(ctx context.Context) error {
		if err := bench.Furnish(ctx, app.Bus); err != nil {
			return err
		}
		if _, err := bench.RunOrders(ctx, app, run, 5, 5); err != nil {
			return err
		}
		return app.Ready(ctx)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Close(); err != nil {
		t.Fatal(err)
	}
}

// refused opens a node that must not open, and returns why.
func refused(t *testing.T, c node.Config) error {
	t.Helper()
	app, err := node.New(t.Context(), c, slog.New(slog.DiscardHandler))
	if err == nil {
		t.Fatal("it was opened", app.Close())
	}
	if !strings.Contains(err.Error(), "--data") {
		t.Errorf("it does not say what to do: %v", err)
	}
	return err
}

// TestAppOnEventStore runs a node twice on a log that is served.
func TestAppOnEventStore(t *testing.T) {
	c := node.Config{Data: t.TempDir(), EventStore: storeOn(t, memory.NewDense())}
	work(t, c, "one")
	work(t, c, "two")
	if _, err := os.Stat(c.LogDir()); err == nil {
		t.Error("there is a log in the data directory too")
	}
}

// TestViewsOfAnotherLog are refused wherever the other log is.
func TestViewsOfAnotherLog(t *testing.T) {
	one, two, empty := storeOn(t, memory.NewDense()), storeOn(t, memory.NewDense()), storeOn(t, memory.NewDense())
	first := node.Config{Data: t.TempDir(), EventStore: one}
	work(t, first, "one")
	work(t, node.Config{Data: t.TempDir(), EventStore: two}, "two")
	embedded := node.Config{Data: t.TempDir()}
	work(t, embedded, "three")
	for name, c := range map[string]node.Config{
		"another store":                        {Data: first.Data, EventStore: two},
		"an empty store":                       {Data: first.Data, EventStore: empty},
		"an embedded log after a store":        {Data: first.Data},
		"a store after an embedded log":        {Data: embedded.Data, EventStore: one},
		"an empty store after an embedded log": {Data: embedded.Data, EventStore: empty},
	} {
		if err := refused(t, c); domain.KindOf(err) != domain.Conflict {
			t.Errorf("%s: kind %s: %v", name, domain.KindOf(err), err)
		}
	}
	if err := os.Remove(filepath.Join(embedded.ViewsDir(), node.IdentityName+".json")); err != nil { // as an older version left it
		t.Fatal(err)
	}
	if err := refused(t, node.Config{Data: embedded.Data, EventStore: one}); domain.KindOf(err) != domain.Conflict {
		t.Errorf("views of nobody knows which log: %v", err)
	}
	work(t, embedded, "four")
	work(t, first, "five")
	if err := os.RemoveAll(first.ViewsDir()); err != nil {
		t.Fatal(err)
	}
	work(t, node.Config{Data: first.Data, EventStore: two}, "six") // computed anew
}

// TestLogThatWasSetBack is refused: the views are ahead of it.
func TestLogThatWasSetBack(t *testing.T) {
	kept := memory.NewDense()
	c := node.Config{Data: t.TempDir(), EventStore: storeOn(t, kept)}
	work(t, c, "one")
	var at time.Time
	earlier := memory.NewDenseAt(func() time.Time { return at }) // the same first event, and not much more
	n := 0
	for r, err := range kept.ReadAll(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n > 12 {
			break
		}
		p := eventlog.Pending{ID: r.ID, Type: r.Type, Data: r.Data, Meta: r.Meta}
		at = r.At
		if _, err := earlier.Append(t.Context(), r.Stream, r.Version-1, p); err != nil {
			t.Fatal(err)
		}
	}
	err := refused(t, node.Config{Data: c.Data, EventStore: storeOn(t, earlier)})
	if domain.KindOf(err) != domain.Conflict || !strings.Contains(err.Error(), "set back") {
		t.Error(err)
	}
}

// TestTwoLogsThatBeginAlike are two logs, as after the same import into both.
func TestTwoLogsThatBeginAlike(t *testing.T) {
	begun := func() *memory.Log {
		log := memory.NewDense()
		p := eventlog.Pending{ID: eventlog.EventID{1}, Type: "product.listed.v1", Data: []byte(`{"sku":"A","name":"","price":{"minor":1,"currency":"GBP"}}`)}
		if _, err := log.Append(t.Context(), "product-A", 0, p); err != nil {
			t.Fatal(err)
		}
		return log
	}
	c := node.Config{Data: t.TempDir(), EventStore: storeOn(t, begun())}
	work(t, c, "one")
	c.EventStore = storeOn(t, begun())
	if err := refused(t, c); domain.KindOf(err) != domain.Conflict {
		t.Error(err)
	}
}

// TestLogThatIsExchanged ends the work of a node: its server came back with other data.
func TestLogThatIsExchanged(t *testing.T) {
	first, second := memory.NewDense(), memory.NewDense()
	var lc net.ListenConfig
	serve := func(log esdbserver.Log, address string) (at string, stop func()) {
		server, err := esdbserver.New(t.Context(), esdbserver.Options{Log: log, Insecure: true})
		if err != nil {
			t.Fatal(err)
		}
		socket, err := lc.Listen(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		go func() { served <- server.Serve(socket) }()
		return socket.Addr().String(), func() { _, _ = server.Close(), <-served }
	}
	at, stop := serve(first, node.AnyPort)
	c := node.Config{Data: t.TempDir(), EventStore: "esdb://" + at + "?tls=false"}
	work(t, c, "one")
	app, err := node.New(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ran := make(chan error, 1)
	go func() { ran <- app.Run(t.Context()) }()
	stop()
	_, stop = serve(second, at)
	defer stop()
	select {
	case err := <-ran:
		if domain.KindOf(err) != domain.Conflict || !strings.Contains(err.Error(), "follow another log") {
			t.Errorf("it ended with %v", err)
		}
		if n := strings.Count(err.Error(), at); n != 1 {
			t.Errorf("the address of the log stands there %d times, want once: %v", n, err)
		}
	case <-time.After(time.Minute):
		t.Error("it goes on as if nothing had happened")
	}
	if err := app.Close(); err != nil {
		t.Error(err)
	}
}

// TestAuditAmongOthers counts what other programs wrote apart.
func TestAuditAmongOthers(t *testing.T) {
	log := memory.NewDense()
	work(t, node.Config{Data: t.TempDir(), EventStore: storeOn(t, log)}, "one")
	alone, err := audit.Replay(t.Context(), log, func(eventlog.Position, int64) {})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.Append(t.Context(), "theirs", 0, eventlog.Pending{ID: eventlog.EventID{1}, Type: "Seen", Data: []byte("?")}); err != nil {
		t.Fatal(err)
	}
	among, err := audit.Replay(t.Context(), log, func(eventlog.Position, int64) {})
	if err != nil || among.ForeignEvents != 1 {
		t.Fatal(among, err)
	}
	among.ForeignEvents, among.ElapsedSeconds, among.EventsPerSecond = 0, alone.ElapsedSeconds, alone.EventsPerSecond
	if !reflect.DeepEqual(among, alone) {
		t.Errorf("%+v, and alone %+v", among, alone)
	}
}

// TestStoreIsNotThere says so, in time, and tells no secret.
func TestStoreIsNotThere(t *testing.T) {
	for _, connection := range []string{"esdb://admin:hunter2@127.0.0.1:1?tls=false", "esdb://admin:hunter2@127.0.0.1:x"} {
		_, err := node.New(t.Context(), node.Config{Data: t.TempDir(), EventStore: connection}, slog.New(slog.DiscardHandler))
		if kind := domain.KindOf(err); kind != domain.Unavailable && kind != domain.Invalid {
			t.Errorf("kind %s: %v", kind, err)
		}
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
}

// TestDataDirectoryIsOurs keeps a second node off the views of the first.
func TestDataDirectoryIsOurs(t *testing.T) {
	c := node.Config{Data: t.TempDir(), EventStore: storeOn(t, memory.NewDense())}
	app, err := node.New(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := refused(t, c); domain.KindOf(err) != domain.Unavailable {
		t.Error(err)
	}
	if err := app.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestAuditIsTheSameOnEveryLog adds up one log three ways: as it is served, as
// it lies on disk with a node's own streams in it, and as the node has it.
func TestAuditIsTheSameOnEveryLog(t *testing.T) {
	dir := t.TempDir()
	kept, err := pebblelog.Open(filepath.Join(dir, "log"), pebblelog.Options{IndexIDs: true})
	if err != nil {
		t.Fatal(err)
	}
	c := node.Config{Data: t.TempDir(), EventStore: storeOn(t, kept)}
	t.Cleanup(func() { _ = kept.Close() })
	work(t, c, "one")
	figures := func(log eventlog.Store) audit.Replayed {
		r, err := audit.Replay(t.Context(), log, func(eventlog.Position, int64) {})
		if err != nil {
			t.Fatal(err)
		}
		r.ElapsedSeconds, r.EventsPerSecond, r.Position = 0, 0, 0 // a node gives out positions of its own
		return r
	}
	remote, err := node.OpenLog(t.Context(), c, slog.New(slog.DiscardHandler), node.LogHooks{})
	if err != nil {
		t.Fatal(err)
	}
	defer remote.Close() //nolint:errcheck // it was only read
	served, stored := figures(remote), figures(kept)
	if !reflect.DeepEqual(served, stored) || served.Events == 0 {
		t.Errorf("served it is\n%+v, stored\n%+v", served, stored)
	}
}
