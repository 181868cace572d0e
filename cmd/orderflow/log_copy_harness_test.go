package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"orderflow/cmd/orderflow/internal/audit"
	"orderflow/cmd/orderflow/internal/node"
	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver"
	"orderflow/infra/esdbserver/conformance"
	"orderflow/infra/memory"
	"orderflow/infra/pebblelog"
)

// inMemory is a log in memory as an end of a copy.
type inMemory struct{ *memory.Log }

func (inMemory) Close() error { return nil }

// copyKinds are the kinds of ends, each with one that begins empty.
func copyKinds() map[string]func(*testing.T) copyEnd {
	return map[string]func(*testing.T) copyEnd{
		"memory":        func(*testing.T) copyEnd { return copyEnd{inMemory{memory.New()}, "memory"} },
		"pebble":        func(t *testing.T) copyEnd { return endAt(t, t.TempDir()) },
		"node":          func(t *testing.T) copyEnd { return endAt(t, storeOn(t, memory.NewDense())) },
		"node with TLS": func(t *testing.T) copyEnd { return endAt(t, secureStoreOn(t, nodeLog(t))) },
	}
}

// endAt opens an end as the command does, until the test ends.
func endAt(t testing.TB, named string) copyEnd {
	t.Helper()
	c, err := endConfig("--to", named)
	if err != nil {
		t.Fatal(err)
	}
	end, err := openEnd(t.Context(), c, true, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := end.log.Close(); err != nil {
			t.Error(err)
		}
	})
	return end
}

// nodeLog is a log on disk for a node.
func nodeLog(t testing.TB) *pebblelog.Log {
	t.Helper()
	log, err := pebblelog.Open(filepath.Join(t.TempDir(), "log"), pebblelog.Options{IndexIDs: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	return log
}

// secureStoreOn is storeOn with TLS, and with the password of admin.
func secureStoreOn(t testing.TB, log esdbserver.Log) (connection string) {
	t.Helper()
	dir := t.TempDir()
	if err := conformance.WriteCertificates(dir, time.Now()); err != nil {
		t.Fatal(err)
	}
	certificate, err := tls.LoadX509KeyPair(filepath.Join(dir, "node", "node.crt"), filepath.Join(dir, "node", "node.key"))
	if err != nil {
		t.Fatal(err)
	}
	server, err := esdbserver.New(t.Context(), esdbserver.Options{Log: log, Certificate: &certificate, FirstPassword: "changeit"})
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
	return "esdb://admin:changeit@" + socket.Addr().String() + "?tls=true&tlsCaFile=" + url.QueryEscape(filepath.Join(dir, "ca", "ca.crt"))
}

// seeded returns chance for a test; ORDERFLOW_SEED repeats a run.
func seeded(t testing.TB) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano()) //nolint:gosec // a seed
	if given, err := strconv.ParseUint(os.Getenv("ORDERFLOW_SEED"), 10, 64); err == nil {
		seed = given
	}
	t.Logf("ORDERFLOW_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // reproducible chance
}

// randomHistory appends about n random events of random streams of ours, at times
// that are random too, and a few of others; it returns how many are ours.
func randomHistory(t testing.TB, chance *rand.Rand, n int) (log *memory.Log, ours int64) {
	t.Helper()
	at := time.Date(2010, 12, 1, 8, 26, 0, 0, time.UTC)
	log = memory.NewAt(func() time.Time { return at })
	heads := map[eventlog.Stream]eventlog.Version{}
	for run := 0; ours < int64(n); run++ {
		at = at.Add(time.Duration(chance.Int64N(int64(time.Hour))))
		categories := audit.OurCategories()
		s := eventlog.Stream(fmt.Sprintf("%s-%d", categories[chance.IntN(len(categories))], chance.IntN(max(n/20, 2))))
		if run%50 == 25 {
			s = "theirs-1"
		}
		if run%50 == 26 {
			s = "$theirs"
		}
		events := make([]eventlog.Pending, 1+chance.IntN(20))
		for i := range events {
			events[i] = randomEvent(chance, s, int(heads[s])+i)
		}
		appended, err := log.Append(t.Context(), s, heads[s], events...)
		if err != nil {
			t.Fatal(err)
		}
		heads[s] = appended.Version
		if s.Category() != "theirs" && s[0] != '$' {
			ours += int64(len(events))
		}
	}
	return log, ours
}

func randomEvent(chance *rand.Rand, s eventlog.Stream, i int) eventlog.Pending {
	p := eventlog.Pending{ID: eventlog.NewEventID("history", s, i), Type: fmt.Sprintf("tested.v%d", chance.IntN(9))}
	switch chance.IntN(10) {
	case 0: // no data at all
	case 1:
		p.Data = []byte{0xff, 0x00, byte(chance.IntN(256))} // no JSON
	case 2:
		p.Data = fmt.Appendf(nil, `{"long":"%0*d"}`, chance.IntN(20_000), 1)
	default:
		p.Data = fmt.Appendf(nil, `{"i": %d}`, chance.Int64())
	}
	for _, field := range []*string{&p.Meta.Command, &p.Meta.Correlation, &p.Meta.Causation, &p.Meta.Actor, &p.Meta.Trace} {
		if chance.IntN(2) == 0 {
			*field = fmt.Sprintf("<ü%d>", chance.IntN(1_000))
		}
	}
	return p
}

// workOn returns a copy from one end to another that nobody watches.
func workOn(from, to copyEnd) *copyWork {
	return &copyWork{
		from: from, to: to, most: censusStreams,
		watch: func(string, int64) (func(int64), func()) { return func(int64) {}, func() {} },
	}
}

// mustCopy copies, and demands that both are equal.
func mustCopy(t testing.TB, from, to copyEnd) copyReport {
	t.Helper()
	var r copyReport
	if err := workOn(from, to).copyAll(t.Context(), &r); err != nil {
		t.Fatalf("from %s to %s: %v", from.name, to.name, err)
	}
	if err := r.verdict(); err != nil {
		t.Fatalf("from %s to %s: %v\n%+v", from.name, to.name, err, r)
	}
	return r
}

// wantKind demands the kind of an error, and words in it.
func wantKind(t *testing.T, err error, kind domain.Kind, words ...string) {
	t.Helper()
	if err == nil || domain.KindOf(err) != kind {
		t.Errorf("%v, want kind %s", err, kind)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%v: no %q in it", err, w)
		}
	}
}

// ownEvents returns what a log holds of ours.
func ownEvents(t *testing.T, log eventlog.Store) (list []eventlog.Recorded) {
	t.Helper()
	r := copyReader{log: log, categories: audit.OurCategories()}
	defer r.close()
	for {
		e, ok, err := r.read(context.WithoutCancel(t.Context()))
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return list
		}
		list = append(list, e)
	}
}
