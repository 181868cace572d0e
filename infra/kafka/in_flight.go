package kafka

import (
	"context"
	"sync"
	"time"

	"orderflow/domain/eventlog"
	"orderflow/internal/broadcast"
)

// inFlight tracks the events that were sent and are not acknowledged, in the order of the log.
type inFlight struct {
	failed chan struct{} // closed at the first message that failed for good

	mu             sync.Mutex
	unacknowledged []*sent // in the order of the log; the first is not acknowledged
	bytes          int
	at             eventlog.Checkpoint // all up to here are acknowledged
	err            error
	shrunk         broadcast.Signal // sent when unacknowledged shrinks
}

type sent struct {
	at       eventlog.Checkpoint // acknowledged with it: Passed is where nothing was to be sent behind it
	since    time.Time           // when the log took it
	bytes    int
	messages int // not acknowledged
}

func newInFlight(from eventlog.Checkpoint) *inFlight {
	return &inFlight{failed: make(chan struct{}), at: from}
}

// start adds an event once there is room. Call the function it returns once for
// each message of the event, with the message's error or nil.
func (f *inFlight) start(ctx context.Context, event eventlog.Mark, since time.Time, bytes, messages int) (func(error), error) {
	for {
		f.mu.Lock()
		if len(f.unacknowledged) == 0 || len(f.unacknowledged) < RelayInFlight && f.bytes+bytes <= RelayInFlightBytes {
			s := &sent{eventlog.Checkpoint{Event: event}, since, bytes, messages}
			f.unacknowledged = append(f.unacknowledged, s)
			f.bytes += bytes
			f.mu.Unlock()
			return func(err error) { f.done(s, err) }, nil
		}
		shrunk := f.shrunk.Wait()
		f.mu.Unlock()
		select {
		case <-shrunk:
		case <-f.failed:
			return nil, f.cause()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// passed records a watermark: no event between the last one and p is to be sent.
func (f *inFlight) passed(p eventlog.Position) {
	f.mu.Lock()
	defer f.mu.Unlock()
	last := &f.at
	if n := len(f.unacknowledged); n > 0 {
		last = &f.unacknowledged[n-1].at
	}
	if p > last.Position() {
		last.Passed = eventlog.Mark{Position: p}
	}
}

// done records the outcome of one message of an event.
func (f *inFlight) done(s *sent, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		if f.err == nil {
			f.err = err
			close(f.failed)
		}
		return
	}
	s.messages--
	n := 0
	for ; n < len(f.unacknowledged) && f.unacknowledged[n].messages == 0; n++ {
		f.at = f.unacknowledged[n].at
		f.bytes -= f.unacknowledged[n].bytes
	}
	if n > 0 {
		f.unacknowledged = f.unacknowledged[n:]
		f.shrunk.Send()
	}
}

func (f *inFlight) cause() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// acknowledged returns the checkpoint up to which every event is acknowledged, and
// the age of the first event that is not; 0 if there is none.
func (f *inFlight) acknowledged() (at eventlog.Checkpoint, behind time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.unacknowledged) > 0 {
		behind = max(0, time.Since(f.unacknowledged[0].since))
	}
	return f.at, behind
}

// drain waits until nothing is in flight or something failed.
func (f *inFlight) drain(ctx context.Context) error {
	for {
		f.mu.Lock()
		empty, shrunk := len(f.unacknowledged) == 0, f.shrunk.Wait()
		f.mu.Unlock()
		if empty {
			return nil
		}
		select {
		case <-shrunk:
		case <-f.failed:
			return f.cause()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
