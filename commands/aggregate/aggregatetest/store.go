// Package aggregatetest has helpers and logs that misbehave, for the tests of aggregates and of
// the commands on them: one that fails or waits when told to, one that hangs, and
// one that hides the events of deleted streams.
package aggregatetest

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"

	"orderflow/domain/eventlog"
	"orderflow/infra/memory"
)

// Store is a log in memory. It counts its appends and reads, and tests can make
// them fail or wait.
type Store struct {
	*memory.Log
	OnAppend func(next func() (eventlog.Appended, error)) (eventlog.Appended, error)
	ReadErr  error

	Appends, Reads atomic.Int64
}

// NewStore returns an empty Store.
func NewStore() *Store { return &Store{Log: memory.New()} }

// Append implements eventlog.Store.
func (s *Store) Append(ctx context.Context, stream eventlog.Stream, v eventlog.Version, events ...eventlog.Pending) (eventlog.Appended, error) {
	s.Appends.Add(1)
	next := func() (eventlog.Appended, error) { return s.Log.Append(ctx, stream, v, events...) }
	if s.OnAppend != nil {
		return s.OnAppend(next)
	}
	return next()
}

// Read implements eventlog.Store.
func (s *Store) Read(ctx context.Context, stream eventlog.Stream, above eventlog.Version) iter.Seq2[eventlog.Recorded, error] {
	s.Reads.Add(1)
	if s.ReadErr != nil {
		return func(yield func(eventlog.Recorded, error) bool) { yield(eventlog.Recorded{}, s.ReadErr) }
	}
	return s.Log.Read(ctx, stream, above)
}

// Gate holds appends back: each sends to Entered when it begins, and goes on
// when it has received from Pass.
type Gate struct{ Entered, Pass chan struct{} }

// Gated makes every append wait at the gate that it returns.
func (s *Store) Gated() Gate {
	g := Gate{make(chan struct{}, 100), make(chan struct{}, 100)}
	s.OnAppend = func(next func() (eventlog.Appended, error)) (eventlog.Appended, error) {
		g.Entered <- struct{}{}
		<-g.Pass
		return next()
	}
	return g
}

// FailOnce makes the next append answer err, after doing its work if stored.
func (s *Store) FailOnce(err error, stored bool) {
	var once sync.Once
	s.OnAppend = func(next func() (eventlog.Appended, error)) (at eventlog.Appended, result error) {
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
