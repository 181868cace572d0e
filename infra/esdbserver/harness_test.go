package esdbserver_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/dlclark/regexp2"
	"github.com/google/uuid"
	"go.uber.org/goleak"

	"orderflow/infra/esdbserver"
	"orderflow/infra/esdbserver/internal/engine"
	"orderflow/infra/memory"
	"orderflow/infra/pebblelog"
)

// patience bounds every wait of these tests.
const patience = 30 * time.Second

func TestMain(m *testing.M) {
	code := m.Run()
	regexp2.StopTimeoutClock() // it lingers after the last match
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, "goroutines are left:", err)
		code = 1
	}
	os.Exit(code)
}

// node is a node under test.
type node struct {
	*esdbserver.Server
	address string
}

// serve starts a node without TLS on a log; change may alter its options.
func serve(t testing.TB, log engine.Log, change ...func(*esdbserver.Options)) node {
	t.Helper()
	n, stop := start(t, log, change...)
	t.Cleanup(stop)
	return n
}

// start is serve for those that stop the node themselves.
func start(t testing.TB, log engine.Log, change ...func(*esdbserver.Options)) (n node, stop func()) {
	t.Helper()
	n, served := startNoted(t, log, change...)
	return n, func() {
		if err := errors.Join(n.Close(), <-served); err != nil {
			t.Errorf("the node: %v", err)
		}
	}
}

// startNoted is start for those that learn how Serve ends.
func startNoted(t testing.TB, log engine.Log, change ...func(*esdbserver.Options)) (n node, served <-chan error) {
	t.Helper()
	o := esdbserver.Options{Log: log, Insecure: true}
	for _, c := range change {
		c(&o)
	}
	s, err := esdbserver.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	return node{s, l.Addr().String()}, ended
}

// connect returns a client of the official module.
func connect(t testing.TB, connection string) *esdb.Client {
	t.Helper()
	configuration, err := esdb.ParseConnectionString(connection)
	if err != nil {
		t.Fatal(err)
	}
	configuration.Logger = esdb.NoopLogging()
	client, err := esdb.NewClient(configuration)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// fresh returns a node on an empty log in memory and a client of it.
func fresh(t testing.TB) *esdb.Client {
	return connect(t, "esdb://"+serve(t, memory.NewDense()).address+"?tls=false")
}

func ctx(t testing.TB) context.Context {
	t.Helper()
	c, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return c
}

// event makes one with an id of its own.
func event(name string) esdb.EventData {
	return esdb.EventData{EventID: uuid.New(), EventType: name, ContentType: esdb.ContentTypeJson, Data: []byte(`{"of":"` + name + `"}`), Metadata: []byte(`{"why":"test"}`)}
}

// mustAppend appends whatever the stream has.
func mustAppend(t testing.TB, c *esdb.Client, stream string, events ...esdb.EventData) *esdb.WriteResult {
	t.Helper()
	w, err := c.AppendToStream(ctx(t), stream, esdb.AppendToStreamOptions{}, events...)
	if err != nil {
		t.Fatalf("append to %s: %v", stream, err)
	}
	return w
}

// drain reads to the end.
func drain(s *esdb.ReadStream, err error) ([]*esdb.ResolvedEvent, error) {
	if err != nil {
		return nil, err
	}
	defer s.Close()
	var events []*esdb.ResolvedEvent
	for {
		e, err := s.Recv()
		if errors.Is(err, io.EOF) {
			return events, nil
		}
		if err != nil {
			return events, err
		}
		events = append(events, e)
	}
}

func readAllOf(t testing.TB, c *esdb.Client, stream string) ([]*esdb.ResolvedEvent, error) {
	return drain(c.ReadStream(ctx(t), stream, esdb.ReadStreamOptions{}, 1_000_000))
}

// newLog returns an empty log on disk.
func newLog(t testing.TB) *pebblelog.Log {
	t.Helper()
	return openLog(t, t.TempDir())
}

func openLog(t testing.TB, dir string) *pebblelog.Log {
	t.Helper()
	log, err := pebblelog.Open(dir, pebblelog.Options{IndexIDs: true, LongNames: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := log.Close(); err != nil {
			t.Errorf("the log: %v", err)
		}
	})
	return log
}
