package pebblelog_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"orderflow/domain/eventlog"
	"orderflow/infra/pebblelog"
)

// logDir is where the tests keep a log on file systems of their own.
const logDir = "log"

// small makes the database flush and compact within a few dozen events.
func small(fs vfs.FS) pebblelog.Options {
	return pebblelog.Options{FS: fs, MemTableBytes: 64 << 10, CacheBytes: 1 << 20}
}

// acked is one append that was answered with success.
type acked struct {
	stream   eventlog.Stream
	events   []eventlog.Pending
	appended eventlog.Appended
}

// history is what a client knows: every success it was told of.
type history struct {
	mu   sync.Mutex
	list []acked
}

func (h *history) add(a acked) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.list = append(h.list, a)
}

// until returns the successes so far; what comes later is not in it.
func (h *history) until() []acked {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.list[:len(h.list):len(h.list)]
}

// pending returns n events of one append; their bytes follow from the arguments.
func pending(s eventlog.Stream, from eventlog.Version, n, bytes int) []eventlog.Pending {
	command := fmt.Sprintf("%s/%d/%d", s, from, n)
	list := make([]eventlog.Pending, n)
	for i := range list {
		list[i] = eventlog.Pending{
			ID: eventlog.NewEventID(command, s, i), Type: "tested.v1",
			Data: filler(fmt.Sprintf("%s/%d/", s, int(from)+i), bytes),
			Meta: eventlog.Meta{Command: command, Causation: fmt.Sprint(n)},
		}
	}
	return list
}

func filler(pattern string, n int) []byte {
	return append(bytes.Repeat([]byte(pattern), n/len(pattern)), pattern...)
}

// work appends to streams of its own until a number of appends or the first
// error, and notes what succeeded.
func work(t testing.TB, log *pebblelog.Log, h *history, rng *rand.Rand, writer, appends int) error {
	heads := map[eventlog.Stream]eventlog.Version{}
	for range appends {
		s := eventlog.Stream(fmt.Sprintf("%c-%d", "ab"[rng.IntN(2)], writer*10+rng.IntN(3)))
		events := pending(s, heads[s], 1+rng.IntN(3), rng.IntN(2_000))
		appended, err := log.Append(t.Context(), s, heads[s], events...)
		if err != nil {
			return err
		}
		h.add(acked{s, events, appended})
		heads[s] = appended.Version
	}
	return nil
}

// inspect reads the whole log and says what is wrong with it: a success that
// is missing, a hole, an append stored in part, events out of order.
func inspect(t testing.TB, log *pebblelog.Log, want []acked) error {
	at := map[eventlog.Position]eventlog.Recorded{}
	heads := map[eventlog.Stream]eventlog.Version{}
	parts := map[string]int{}
	last := eventlog.Position(0)
	for r, err := range log.ReadAll(t.Context(), 0) {
		if err != nil {
			return err
		}
		if r.Position != last+1 || r.Version != heads[r.Stream]+1 {
			return fmt.Errorf("%s %d at %d follows version %d at %d", r.Stream, r.Version, r.Position, heads[r.Stream], last)
		}
		at[r.Position], heads[r.Stream], last = r, r.Version, r.Position
		parts[r.Meta.Causation+" "+r.Meta.Command]++
	}
	for name, have := range parts {
		var n int
		if _, _ = fmt.Sscanf(name, "%d ", &n); have != n {
			return fmt.Errorf("append %s has %d of its %d events", name, have, n)
		}
	}
	for _, a := range want {
		first := a.appended.Position - eventlog.Position(len(a.events)) + 1
		for i, e := range a.events {
			r := at[first+eventlog.Position(i)]
			if r.ID != e.ID || r.Stream != a.stream || !bytes.Equal(r.Data, e.Data) || r.Meta != e.Meta {
				return fmt.Errorf("acknowledged event %d of %s at %d is lost; there is %q %s", i, e.Meta.Command, first, r.Stream, r.Meta.Command)
			}
		}
	}
	return inspectIndexes(t, log, heads, int(last))
}

// inspectIndexes checks that streams and categories lead to the same events, up
// to the end that the log had: the last batch before a failure may be shown
// while the inspection is under way.
func inspectIndexes(t testing.TB, log *pebblelog.Log, heads map[eventlog.Stream]eventlog.Version, total int) error {
	found := 0
	for s, head := range heads {
		version := eventlog.Version(0)
		for r, err := range log.Read(t.Context(), s, 0) {
			if err != nil {
				return err
			}
			if int(r.Position) <= total {
				version = r.Version
			}
		}
		if version != head {
			return fmt.Errorf("%s ends at version %d by its index, at %d by the log", s, version, head)
		}
	}
	for r, err := range log.ReadAll(t.Context(), 0, "a", "b") {
		if err != nil {
			return err
		}
		if int(r.Position) <= total {
			found++
		}
	}
	if found != total {
		return fmt.Errorf("%d events by category, %d in the log", found, total)
	}
	return nil
}
