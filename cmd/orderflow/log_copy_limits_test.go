package main

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"orderflow/cmd/orderflow/internal/node"
	"orderflow/cmd/orderflow/internal/terminal"
	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/memory"
)

// limitedStore is a node with streams of orders that are limited in all ways, and
// one that is whole; each has three events.
func limitedStore(t *testing.T, log *memory.Log) (connection string) {
	t.Helper()
	connection = storeOn(t, log)
	chance, end, stranger := seeded(t), endAt(t, connection), strangerTo(t, connection)
	streams := []eventlog.Stream{"order-counted", "order-aged", "order-below", "order-deleted", "order-ended", "order-whole"}
	for _, s := range streams {
		for v := range eventlog.Version(3) {
			if _, err := end.log.Append(t.Context(), s, v, randomEvent(chance, s, int(v))); err != nil {
				t.Fatal(err)
			}
		}
	}
	limit := func(s string, set func(*esdb.StreamMetadata)) {
		t.Helper()
		var m esdb.StreamMetadata
		set(&m)
		if _, err := stranger.SetStreamMetadata(t.Context(), s, esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, m); err != nil {
			t.Fatal(err)
		}
	}
	limit("order-counted", func(m *esdb.StreamMetadata) { m.SetMaxCount(1) })
	limit("order-aged", func(m *esdb.StreamMetadata) { m.SetMaxAge(time.Hour) })
	limit("order-below", func(m *esdb.StreamMetadata) { m.SetTruncateBefore(2) })
	if _, err := stranger.DeleteStream(t.Context(), "order-deleted", esdb.DeleteStreamOptions{ExpectedRevision: esdb.Any{}}); err != nil {
		t.Fatal(err)
	}
	if _, err := stranger.TombstoneStream(t.Context(), "order-ended", esdb.TombstoneStreamOptions{ExpectedRevision: esdb.Any{}}); err != nil {
		t.Fatal(err)
	}
	return connection
}

// TestCopyOfLimitedStreams holds what a copy does to what it and the check of the
// server say: limited streams are copied whole and named, until a scavenge has
// removed events of them; from then on the copy is refused.
func TestCopyOfLimitedStreams(t *testing.T) {
	log := memory.NewDense()
	connection := limitedStore(t, log)
	source := endAt(t, connection)
	want := []string{"order-aged ($maxAge 3600)", "order-below ($tb 2)", "order-counted ($maxCount 1)", "order-deleted (deleted)", "order-ended (deleted for ever)"}
	out, _, err := checked(t, connection)
	if terminal.ExitCode(err) != terminal.ExitFailed || !strings.Contains(out, "5 streams of orderflow hide events") || !strings.Contains(out, "`orderflow log copy` from this server takes them whole") {
		t.Errorf("the check: %v\n%s", err, out)
	}
	for _, s := range want {
		if !strings.Contains(out, s) {
			t.Errorf("the check does not name %s:\n%s", s, out)
		}
	}
	for name, kind := range copyKinds() {
		target := kind(t)
		r := mustCopy(t, source, target)
		if r.Copied != 18 || r.LimitedStreams != 5 || !slices.Equal(r.Limited, want) {
			t.Errorf("to %s: %d events, limited are %q", name, r.Copied, r.Limited)
		}
		var text strings.Builder
		if err := r.show(&text); err != nil || !strings.Contains(text.String(), "Copied whole, without what limits them in the source: 5 streams, first order-aged ($maxAge 3600), ") {
			t.Errorf("to %s it says: %v\n%s", name, err, text.String())
		}
		for _, s := range []eventlog.Stream{"order-counted", "order-aged", "order-below", "order-deleted", "order-ended", "order-whole"} {
			if n := shownOf(t, target.log, s); n != 3 {
				t.Errorf("to %s: readers of %s are shown %d events there", name, s, n)
			}
		}
	}
	log.Scavenge("order-below", 3)
	log.Scavenge("order-ended", 3)
	target := copyKinds()["pebble"](t)
	var r copyReport
	wantKind(t, workOn(source, target).copyAll(t.Context(), &r), domain.Incomplete, "lacks events in 2 streams, so nothing was copied", "order-below lacks", "order-ended lacks")
	if have := ownEvents(t, target.log); len(have) > 0 {
		t.Errorf("%d events were copied", len(have))
	}
}

func shownOf(t *testing.T, log eventlog.Store, s eventlog.Stream) (n int) {
	t.Helper()
	for _, err := range log.Read(t.Context(), s, 0) {
		if err != nil {
			t.Errorf("%s: %v", s, err)
			break
		}
		n++
	}
	return n
}

// TestCopyRefusesATargetThatHides events: before anything is appended, and, if
// somebody limits a stream there meanwhile, at the end.
func TestCopyRefusesATargetThatHides(t *testing.T) {
	log, _ := randomHistory(t, seeded(t), 300)
	source := copyEnd{inMemory{log}, "the history"}
	connection := storeOn(t, memory.NewDense())
	target := endAt(t, connection)
	var one esdb.StreamMetadata
	one.SetMaxCount(1)
	limit := func(s eventlog.Stream, m esdb.StreamMetadata) {
		t.Helper()
		if _, err := strangerTo(t, connection).SetStreamMetadata(t.Context(), string(s), esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, m); err != nil {
			t.Fatal(err)
		}
	}
	limited := ownEvents(t, log)[0].Stream
	limit(limited, one)
	var r copyReport
	says := []string{"The target, EventStoreDB at ", string(limited) + " ($maxCount 1)", "name another target with --to"}
	wantKind(t, workOn(source, target).copyAll(t.Context(), &r), domain.Incomplete, says...)
	if have := ownEvents(t, target.log); len(have) > 0 {
		t.Errorf("%d events were copied", len(have))
	}
	limit(limited, esdb.StreamMetadata{})
	mustCopy(t, source, target)
	limit(limited, one)
	wantKind(t, workOn(source, target).verify(t.Context(), &r, -1), domain.Incomplete, says...)
	meanwhile := limiting{target.log.(eventLogEnd), func() { limit(limited, esdb.StreamMetadata{}) }, func() { limit(limited, one) }}
	meanwhile.before()
	wantKind(t, workOn(source, copyEnd{meanwhile, target.name}).copyAll(t.Context(), &r), domain.Incomplete, says...)
}

// eventLogEnd is a log that can be an end and tells which streams it limits.
type eventLogEnd interface {
	node.EventLog
	eventlog.Truncations
}

// limiting is a target on which somebody limits a stream after the first look.
type limiting struct {
	eventLogEnd
	before, after func()
}

func (l limiting) TruncatedStreams(ctx context.Context, categories ...string) ([]eventlog.Truncated, int, error) {
	list, total, err := l.eventLogEnd.TruncatedStreams(ctx, categories...)
	if err == nil && total == 0 {
		l.after()
	}
	return list, total, err
}

// TestCopyNamesItsFlags in what it says of an end that cannot be opened, and no
// flag that it does not have.
func TestCopyNamesItsFlags(t *testing.T) {
	logger := slog.New(slog.DiscardHandler)
	used, filled := t.TempDir(), t.TempDir()
	endAt(t, used) // which has it open
	end, err := openEnd(t.Context(), node.Config{Data: filled}, true, logger)
	if err != nil {
		t.Fatal(err)
	}
	if err := end.log.Close(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ from, to, says string }{
		"no node to read":       {"esdb://127.0.0.1:1?tls=false", t.TempDir(), "named with --from cannot be used"},
		"no node to write":      {filled, "esdb://127.0.0.1:1?tls=false", "named with --to cannot be used"},
		"no log":                {t.TempDir(), t.TempDir(), "say with --from where"},
		"source in use":         {used, t.TempDir(), "choose another with --from"},
		"target in use":         {filled, used, "choose another with --to"},
		"target is in no place": {filled, "/dev/null/x", "choose another with --to"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := (&logCopyCmd{From: c.from, To: c.to}).open(t.Context(), logger)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("%v; want %q in it", err, c.says)
			}
			for _, flag := range []string{"--data", "--eventstore", "--server"} {
				if strings.Contains(err.Error(), flag) {
					t.Errorf("it names %s, which the command does not have: %v", flag, err)
				}
			}
		})
	}
}
