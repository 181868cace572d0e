package audit

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"time"

	"orderflow/domain/eventlog"
	"orderflow/domain/order"
)

// Replay adds up a whole log. Events are decoded and added up in stretches by
// as many workers as there are processors; only what depends on order, the
// status of each order, is followed in the log's order.
//
//	reader ─▶ stretches ─▶ workers ─▶ tallies, in the log's order ─▶ sum
func Replay(ctx context.Context, log eventlog.Store, progress func(at eventlog.Position, events int64)) (Replayed, error) {
	begun := time.Now()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	workers := runtime.GOMAXPROCS(0)
	work := make(chan stretch, workers)
	inOrder := make(chan stretch, workers*replayAhead)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() { readStretches(ctx, log, work, inOrder) })
	for range workers {
		running.Go(func() {
			for s := range work {
				s.tally <- addUp(s.events)
			}
		})
	}
	all, status, whole := NewTally(), map[eventlog.Stream]order.Status{}, NewContinuity()
	for s := range inOrder {
		var part tallyErr
		select {
		case part = <-s.tally:
		case <-ctx.Done():
			return Replayed{}, ctx.Err()
		}
		if err := FirstErr(part.err, s.err); err != nil {
			return Replayed{}, err
		}
		whole.Take(part.spans)
		for _, turn := range part.tally.turns {
			if _, placed := status[turn.stream]; placed || turn.status == order.StatusPlaced { // else its beginning is missing: it is named, and not counted, as in the views
				status[turn.stream] = turn.status
			}
		}
		if err := all.Add(part.tally); err != nil {
			return Replayed{}, err
		}
		progress(all.position, all.events)
	}
	if err := ctx.Err(); err != nil {
		return Replayed{}, err
	}
	orders := map[order.Status]int64{}
	for _, s := range status {
		orders[s]++
	}
	if err := whole.Ask(ctx, log); err != nil {
		return Replayed{}, err
	}
	result := all.Result(orders)
	result.Streams, result.Holes = int64(len(whole.Last)), whole.Holes
	result.ElapsedSeconds = time.Since(begun).Seconds()
	result.EventsPerSecond = float64(result.Events) / max(result.ElapsedSeconds, 1e-9)
	return result, nil
}

// stretch is a run of events and where its tally will be.
type stretch struct {
	events []eventlog.Recorded
	err    error         // what ended the reading, after events
	tally  chan tallyErr // buffered: a worker never waits
}

type tallyErr struct {
	tally *Tally
	spans []Span // of the streams, for what follows them
	err   error
}

func addUp(events []eventlog.Recorded) tallyErr {
	t := NewTally()
	for _, r := range events {
		if err := t.take(r); err != nil {
			return tallyErr{tally: t, err: err}
		}
	}
	return tallyErr{tally: t, spans: SpansOf(events)}
}

// readStretches reads the log to its end, and closes both channels.
func readStretches(ctx context.Context, log eventlog.Store, work, inOrder chan<- stretch) {
	defer close(work)
	defer close(inOrder)
	s := stretch{tally: make(chan tallyErr, 1), events: make([]eventlog.Recorded, 0, ReplayStretch)}
	send := func() bool {
		for _, to := range []chan<- stretch{inOrder, work} {
			select {
			case to <- s:
			case <-ctx.Done():
				return false
			}
		}
		s = stretch{tally: make(chan tallyErr, 1), events: make([]eventlog.Recorded, 0, ReplayStretch)}
		return true
	}
	for r, err := range log.ReadAll(ctx, 0) {
		if err != nil {
			s.err = err
			break
		}
		if IsSystem(r) { // a node's own: users, metadata, what subscriptions remember
			continue
		}
		s.events = append(s.events, r)
		if len(s.events) == ReplayStretch && !send() {
			return
		}
	}
	send()
}

// FirstErr returns the first error there is.
func FirstErr(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// ReplayStretch is how many events are decoded together by one worker.
const ReplayStretch = 2_048

// Limits of a replay.
const (
	// replayAhead bounds the stretches that were read and not yet added, per worker.
	replayAhead = 4
)

// IsSystem says that an event is a node's own; every log passes over them alike.
func IsSystem(r eventlog.Recorded) bool {
	return strings.HasPrefix(string(r.Stream), "$") || strings.HasPrefix(r.Type, "$")
}
