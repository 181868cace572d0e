package commands_test

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func ctx() context.Context { return context.Background() }

// store is a log in memory whose appends and reads can be made to fail or to wait.
type store struct {
	*memory.Log
	onAppend func(next func() (eventlog.Appended, error)) (eventlog.Appended, error)
	readErr  error

	appends, reads atomic.Int64
}

func newStore() *store { return &store{Log: memory.New()} }

func (s *store) Append(ctx context.Context, stream eventlog.Stream, v eventlog.Version, events ...eventlog.Pending) (eventlog.Appended, error) {
	s.appends.Add(1)
	next := func() (eventlog.Appended, error) { return s.Log.Append(ctx, stream, v, events...) }
	if s.onAppend != nil {
		return s.onAppend(next)
	}
	return next()
}

func (s *store) Read(ctx context.Context, stream eventlog.Stream, above eventlog.Version) iter.Seq2[eventlog.Recorded, error] {
	s.reads.Add(1)
	if s.readErr != nil {
		return func(yield func(eventlog.Recorded, error) bool) { yield(eventlog.Recorded{}, s.readErr) }
	}
	return s.Log.Read(ctx, stream, above)
}

// gate makes appends wait: each says on entered that it began, and goes on
// when it may take something from pass.
type gate struct{ entered, pass chan struct{} }

func (s *store) gated() gate {
	g := gate{make(chan struct{}, 100), make(chan struct{}, 100)}
	s.onAppend = func(next func() (eventlog.Appended, error)) (eventlog.Appended, error) {
		g.entered <- struct{}{}
		<-g.pass
		return next()
	}
	return g
}

// failOnce makes the next append answer err, after doing its work if stored.
func (s *store) failOnce(err error, stored bool) {
	var once sync.Once
	s.onAppend = func(next func() (eventlog.Appended, error)) (at eventlog.Appended, result error) {
		failed := false
		once.Do(func() {
			failed = true
			if stored {
				if _, err := next(); err != nil {
					panic(err)
				}
			}
		})
		if failed {
			return eventlog.Appended{}, err
		}
		return next()
	}
}

func wantKind(t tester, err error, kind domain.Kind) {
	t.Helper()
	if err == nil || domain.KindOf(err) != kind {
		t.Errorf("err = %v, want kind %v", err, kind)
	}
}

// tester is what testing.T and rapid.T share.
type tester interface {
	Helper()
	Fatal(args ...any)
	Errorf(format string, args ...any)
}

func must(t tester, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// limit is how long a test waits for what must come before it gives up.
const limit = 20 * time.Second

func within(t testing.TB, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(limit):
		t.Fatalf("%s did not come", what)
	}
}

// end is the position of the last event.
func end(t *testing.T, s *store) eventlog.Position {
	t.Helper()
	p, err := s.End(t.Context())
	must(t, err)
	return p
}
