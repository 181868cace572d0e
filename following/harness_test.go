package following_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"orderflow/domain/eventlog"
	"orderflow/following"
	"orderflow/infra/memory"
	"orderflow/sagas/sagastest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a follower of the category "mine" on a log that can misbehave.
type bench struct {
	t    *testing.T
	log  *memory.Log
	feed *sagastest.Unsteady
	*following.Follower
	said said

	mu     sync.Mutex
	got    []eventlog.Recorded
	marks  []eventlog.Watermark
	ended  error
	hold   chan struct{} // if not nil, the reader waits for it with every event
	apply  bool          // the reader tells what it has applied
	config following.Config
}

// said is what the operator was told.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

// times counts the lines that hold all of the texts.
func (s *said) times(texts ...string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for line := range strings.Lines(s.text.String()) {
		all := true
		for _, text := range texts {
			all = all && strings.Contains(line, text)
		}
		if all {
			n++
		}
	}
	return n
}

func inBubble(t *testing.T, test func(*bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		log := memory.New()
		b := &bench{t: t, log: log, feed: sagastest.NewUnsteady(log), apply: true}
		b.config = following.Config{Name: "saga test", Log: b.feed, Categories: []string{"mine"}, Logger: slog.New(slog.NewTextHandler(&b.said, nil))}
		b.Follower = following.New(b.config)
		test(b)
	})
}

// add appends events to a stream, and returns the last one's mark.
func (b *bench) add(log eventlog.Store, s eventlog.Stream, n int) (last eventlog.Mark) {
	b.t.Helper()
	return add(b.t, log, s, "", n)
}

// add appends events whose ids depend on world.
func add(t *testing.T, log eventlog.Store, s eventlog.Stream, world string, n int) (last eventlog.Mark) {
	t.Helper()
	var version eventlog.Version
	for r, err := range log.Read(t.Context(), s, 0) {
		if err != nil {
			t.Fatal(err)
		}
		version = r.Version
	}
	for i := range n {
		v := version + eventlog.Version(i)
		e := eventlog.Pending{ID: eventlog.NewEventID(fmt.Sprint(world, v), s, 0), Type: "happened.v1", Data: []byte(`{}`)}
		at, err := log.Append(t.Context(), s, v, e)
		if err != nil {
			t.Fatal(err)
		}
		last = eventlog.Mark{Position: at.Position, ID: e.ID}
	}
	return last
}

// follow follows from the first event on, with the watch, until stop is called, which
// returns what Follow ended with.
func (b *bench) follow() (stop func() error) {
	ctx, cancel := context.WithCancel(b.t.Context())
	var running sync.WaitGroup
	running.Go(func() { b.Watch(ctx) })
	running.Go(func() {
		passed := func(w eventlog.Watermark) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.marks = append(b.marks, w)
			if b.apply {
				b.Applied(w.Position)
			}
		}
		for r, err := range b.Follow(ctx, 0, passed) {
			b.mu.Lock()
			if err != nil {
				b.ended = err
				b.mu.Unlock()
				return
			}
			b.got = append(b.got, r)
			hold, apply := b.hold, b.apply
			b.mu.Unlock()
			if hold != nil {
				select {
				case <-hold:
				case <-ctx.Done():
				}
			}
			if apply {
				b.Applied(r.Position)
			}
		}
	})
	return func() error {
		cancel()
		running.Wait()
		return b.end()
	}
}

func (b *bench) end() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ended
}

func (b *bench) wantEvents(when string, n int) {
	b.t.Helper()
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.got) != n {
		b.t.Errorf("%s there are %d events, want %d", when, len(b.got), n)
	}
	for i := range b.got[1:] {
		if b.got[i+1].Position <= b.got[i].Position {
			b.t.Errorf("%s the event at %d follows the one at %d", when, b.got[i+1].Position, b.got[i].Position)
		}
	}
}
