package eventstoredb_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/eventstoredb"
	"orderflow/infra/memory"
)

// stranger is another program's client to the same node.
func stranger(t testing.TB, address string) *esdb.Client {
	t.Helper()
	config, err := esdb.ParseConnectionString("esdb://" + address + "?tls=false")
	if err != nil {
		t.Fatal(err)
	}
	config.Logger = esdb.NoopLogging()
	client, err := esdb.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func put(t *testing.T, c *esdb.Client, stream, kind string, n int) {
	t.Helper()
	for range n {
		if _, err := c.AppendToStream(t.Context(), stream, esdb.AppendToStreamOptions{}, esdb.EventData{EventID: uuid.New(), EventType: kind, Data: []byte("not JSON"), Metadata: []byte("neither")}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSystemEventsAreHidden fills the log with what a server writes for itself,
// more than one page of it, between and behind ours.
func TestSystemEventsAreHidden(t *testing.T) {
	n := serve(t, memory.NewDense(), free, nil)
	defer n.stop(t)
	log, other := connect(t, n.address, eventstoredb.Options{}), stranger(t, n.address)
	put(t, other, "$stats-0.0.0.0:2113", "$statsCollected", 300)
	if list := all(t, log.ReadAll(t.Context(), 0)); len(list) != 0 {
		t.Errorf("%d events in a log of a server's own", len(list))
	}
	write(t, log, 2, 3)
	put(t, other, "$stats-0.0.0.0:2113", "$statsCollected", 600)
	put(t, other, "a-links", "$>", 1)
	list := all(t, log.ReadAll(t.Context(), 0))
	if len(list) != 6 {
		t.Fatalf("%d events, want ours, 6", len(list))
	}
	end, err := log.End(t.Context())
	if err != nil || end <= list[5].Position {
		t.Errorf("the end is %d, %v; want that of the server's own events, above %d", end, err, list[5].Position)
	}
	if r, ok, err := log.At(t.Context(), end); err != nil || !ok || r.Stream != "a-links" || r.Position != end {
		t.Errorf("at the end is %+v, %t, %v; want the link", r, ok, err)
	}
	if list = all(t, log.Read(t.Context(), "a-links", 0)); len(list) != 1 {
		t.Errorf("%d events in the stream itself, want all there is, 1", len(list))
	}
	put(t, other, "b-strange", "of.another.program", 1)
	strange := all(t, log.ReadAll(t.Context(), 0, "b"))
	if got := strange[len(strange)-1]; string(got.Data) != "not JSON" || got.Meta != (eventlog.Meta{}) {
		t.Errorf("another program's event came as %+v", got)
	}
}

// TestDeletedStreams deletes one so that it can begin again, and one for ever.
func TestDeletedStreams(t *testing.T) {
	n := serve(t, memory.NewDense(), free, nil)
	defer n.stop(t)
	log, other := connect(t, n.address, eventstoredb.Options{}), stranger(t, n.address)
	write(t, log, 2, 3) // a-0 and b-1
	if _, err := other.DeleteStream(t.Context(), "a-0", esdb.DeleteStreamOptions{}); err != nil {
		t.Fatal(err)
	}
	for above := range eventlog.Version(5) {
		if err := last(log.Read(t.Context(), "a-0", above)); domain.KindOf(err) != domain.Incomplete {
			t.Errorf("reading a deleted stream above %d: %v, want kind incomplete", above, err)
		}
	}
	again := []eventlog.Pending{event("a-0", 100), event("a-0", 101)}
	refused := func(when string) {
		t.Helper()
		for _, version := range []eventlog.Version{0, 2} {
			if at, err := log.Append(t.Context(), "a-0", version, again...); domain.KindOf(err) != domain.Incomplete || !strings.Contains(err.Error(), "a-0") {
				t.Errorf("%s, at version %d: %+v, %v; want kind incomplete and the name of the stream", when, version, at, err)
			}
			if err := last(log.Read(t.Context(), "a-0", 0)); domain.KindOf(err) != domain.Incomplete {
				t.Errorf("%s: reading: %v, want kind incomplete", when, err)
			}
		}
	}
	refused("deleted")
	for _, e := range all(t, log.ReadAll(t.Context(), 0)) {
		if e.Version > 3 {
			t.Errorf("an event that was refused stands in %s at version %d", e.Stream, e.Version)
		}
	}
	for i := range 2 { // somebody else begins it again
		if _, err := other.AppendToStream(t.Context(), "a-0", esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, esdb.EventData{EventID: uuid.New(), EventType: fmt.Sprint("theirs", i), ContentType: esdb.ContentTypeJson, Data: []byte("{}")}); err != nil {
			t.Fatal(err)
		}
	}
	refused("begun again")
	if list := all(t, log.Read(t.Context(), "a-0", 3)); len(list) != 2 || list[1].Version != 5 {
		t.Errorf("what was stored after the deletion is %+v, want versions 4 and 5", list)
	}
	if _, err := log.Append(t.Context(), "never-0", 3, event("a-0", 102)); domain.KindOf(err) != domain.Conflict {
		t.Errorf("a version of a stream that never was: %v, want kind conflict", err)
	}
	if _, err := other.TombstoneStream(t.Context(), "b-1", esdb.TombstoneStreamOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := last(log.Read(t.Context(), "b-1", 0)); domain.KindOf(err) != domain.Incomplete || !strings.Contains(err.Error(), "b-1") {
		t.Errorf("reading a stream deleted for ever: %v, want kind incomplete and its name", err)
	}
	if _, err := log.Append(t.Context(), "b-1", 3, event("b-1", 3)); domain.KindOf(err) != domain.Incomplete || !strings.Contains(err.Error(), "b-1") {
		t.Errorf("appending to a stream deleted for ever: %v, want kind incomplete and its name", err)
	}
	if _, err := log.End(t.Context()); err != nil {
		t.Error(err)
	}
	all(t, log.ReadAll(t.Context(), 0))
}

// TestLimits refuses before it sends.
func TestLimits(t *testing.T) {
	log := connect(t, "127.0.0.1:1", eventstoredb.Options{})
	large := event("a-1", 0)
	large.Data = make([]byte, eventstoredb.MaxAppendBytes)
	system := event("a-1", 0)
	system.Type = "$metadata"
	for name, c := range map[string]struct {
		stream eventlog.Stream
		event  eventlog.Pending
	}{
		"too large": {"a-1", large}, "a system stream": {"$users", event("a-1", 0)}, "a system event": {"a-1", system}, "no UTF-8": {"a-\xff", event("a-1", 0)},
	} {
		if _, err := log.Append(t.Context(), c.stream, 0, c.event); domain.KindOf(err) != domain.Invalid {
			t.Errorf("%s: %v, want kind invalid", name, err)
		}
	}
}

// TestSecretsStaySecret tries strings that cannot be used, and looks for what is in them.
func TestSecretsStaySecret(t *testing.T) {
	for _, s := range []string{
		"", "http://admin:hunter2@localhost:2113", "esdb://admin:hunter2@localhost:port", "esdb://admin:hunter2/x@localhost", "esdb://admin:hunter2#x@localhost",
		"esdb://admin:hunter2?x@localhost", "esdb://admin:hunter2@localhost?tsl=false", "esdb://admin:hunter2@localhost?tlsCaFile=/nowhere.crt",
		"esdb://admin:hunter2@localhost?keepAliveInterval=soon", "esdb://admin:hunter2@%zz", "esdb://:hunter2@localhost", "esdb://admin:hunter2@a:1,b:x",
		"esdb://admin:hunter2@localhost?userCertFile=x", "esdb://admin:hunter2@localhost?nodePreference=hunter2",
		"esdb://admin:hunter2@localhost:99999", "esdb://admin:hunter2@localhost:65536?tls=false", "esdb://admin:hunter2@localhost:0",
		"esdb://admin:hunter2@a:2113,b:67649", "esdb+discover://admin:hunter2@localhost:99999",
	} {
		_, err := eventstoredb.Open(s, eventstoredb.Options{Logger: slog.New(slog.DiscardHandler)})
		if domain.KindOf(err) != domain.Invalid || err == nil {
			t.Errorf("%s: %v, want kind invalid", s, err)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
	var said strings.Builder
	log := open(t, "esdb://admin:hunter2@127.0.0.1:1?tls=false", eventstoredb.Options{Timeout: short, Logger: slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	err := log.Ping(t.Context())
	if domain.KindOf(err) != domain.Unavailable {
		t.Errorf("nobody there: %v", err)
	}
	if err := log.Close(); err != nil {
		t.Error(err)
	}
	if text := said.String() + err.Error() + log.Name(); strings.Contains(text, "hunter2") {
		t.Errorf("the password is told: %s", text)
	}
}
