package esdbserver

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"

	"orderflow/domain"
	"orderflow/infra/esdbserver/internal/engine"
)

// How a scavenge ended, in the words of EventStoreDB.
const (
	scavengeSuccess     = "Success"
	scavengeStopped     = "Stopped"     // by a client, or because the node was closed
	scavengeErrored     = "Errored"     // the node's log says why
	scavengeInterrupted = "Interrupted" // the node ended without closing
)

// scavenges are the scavenges of a node, one at a time.
type scavenges struct {
	*Server

	mu      sync.Mutex
	current *scavenge // nil: none is under way
	closed  bool
}

// scavenge is one that is under way.
type scavenge struct {
	id     string
	begun  time.Time
	before int64 // bytes of the log
	stop   context.CancelFunc
	ended  chan struct{}
}

// start begins a scavenge and returns its id. While one is under way none is
// begun: the id is that one's, and running is true. It returns when the start is
// written down; the work goes on beside.
func (s *scavenges) start(ctx context.Context, o scavengeOptions, by string) (id string, running bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return "", false, domain.Errorf(domain.Unavailable, "The node is being stopped.")
	case s.current != nil:
		return s.current.id, true, nil
	}
	one := &scavenge{id: uuid.NewString(), begun: time.Now(), ended: make(chan struct{})}
	if one.before, err = s.engine.Bytes(ctx); err != nil {
		return "", false, err
	}
	if err := s.noteStart(ctx, one, o); err != nil {
		return "", false, err
	}
	var working context.Context
	working, one.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.current = one
	s.logger.Info("a scavenge begins", "id", one.id, "login", by)
	s.options.Hooks.scavenging(1)
	go s.run(working, one)
	return one.id, false, nil
}

// run does the work, tells the result, and lets the next scavenge begin.
func (s *scavenges) run(ctx context.Context, one *scavenge) {
	defer close(one.ended)
	defer one.stop()
	told := s.telling(ctx, one)
	done, err := s.engine.Scavenge(ctx)
	told()
	done.Before = one.before // as it was noted
	result, failure := scavengeSuccess, ""
	switch {
	case err != nil && ctx.Err() != nil:
		result = scavengeStopped
	case err != nil:
		result, failure = scavengeErrored, err.Error()
	}
	took := time.Since(one.begun)
	s.tell(one.id, result, done, took, err)
	end := scavengeEnd{ID: one.id, Result: result, Error: failure, Took: took, Before: done.Before, After: done.After, Removed: done.Events}
	if err := s.noteEnd(context.WithoutCancel(ctx), end); err != nil {
		s.logger.Warn("the result of a scavenge cannot be stored; the next start of the node or of a scavenge notes it as interrupted", "id", one.id, "error", err)
	}
	s.options.Hooks.scavenging(-1)
	s.options.Hooks.scavenged(result, done.Events, done.Saved())
	s.mu.Lock()
	s.current = nil
	s.mu.Unlock()
}

// telling notes every now and then how far a scavenge is, until the function that
// it returns has returned. A note that fails is left out: the next one says more.
func (s *scavenges) telling(ctx context.Context, one *scavenge) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		every := time.NewTicker(s.options.scavengeProgress())
		defer every.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-every.C:
			}
			now, err := s.engine.Bytes(ctx)
			if err == nil {
				err = s.noteProgress(ctx, one, now)
			}
			if err != nil && ctx.Err() == nil {
				s.logger.Warn("the progress of a scavenge cannot be stored", "id", one.id, "error", err)
			}
		}
	})
	return func() { cancel(); wg.Wait() }
}

// tell writes the result into the node's own log.
func (s *scavenges) tell(id, result string, done engine.Scavenged, took time.Duration, err error) {
	about := []any{
		"id", id, "result", result, "streams", done.Streams, "events", done.Events,
		"bytes_before", done.Before, "bytes_after", done.After, "bytes_given_back", done.Saved(), "seconds", took.Seconds(),
	}
	switch result {
	case scavengeErrored:
		s.logger.Error("a scavenge failed; what it removed stays removed, and the next one does the rest", append(about, "error", err)...)
	case scavengeStopped:
		s.logger.Info("a scavenge was stopped; the next one does the rest", about...)
	default:
		s.logger.Info("a scavenge is complete", about...)
	}
}

// stop ends the scavenge with this id and returns when it has ended; ok is
// false if that one is not under way.
func (s *scavenges) stop(ctx context.Context, id string) (ok bool, err error) {
	s.mu.Lock()
	one := s.current
	s.mu.Unlock()
	if one == nil || one.id != id {
		return false, nil
	}
	one.stop()
	select {
	case <-one.ended:
		return true, nil
	case <-ctx.Done():
		return true, ctx.Err()
	}
}

// close ends a scavenge that is under way, notes that, and lets none begin.
func (s *scavenges) close() {
	s.mu.Lock()
	s.closed = true
	one := s.current
	s.mu.Unlock()
	if one != nil {
		one.stop()
		<-one.ended
	}
}

// recover notes a scavenge that an earlier process began and did not end. That
// it cannot be noted is no reason for a node not to start.
func (s *scavenges) recover(ctx context.Context) {
	if err := s.noteInterrupted(ctx); err != nil && !errors.Is(err, context.Canceled) {
		s.logger.Warn("it cannot be noted that a scavenge was interrupted", "error", err)
	}
}
