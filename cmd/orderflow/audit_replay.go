package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"sync"
	"time"

	"orderflow/domain/eventlog"
	"orderflow/domain/order"
)

// Limits of a replay.
const (
	// replayStretch is how many events are decoded together by one worker.
	replayStretch = 2_048
	// replayAhead bounds the stretches that were read and not yet added, per worker.
	replayAhead = 4
)

// auditReplayCmd adds up the log.
type auditReplayCmd struct {
	node
	JSON bool `help:"Print one JSON object."`
}

// Help is shown under the subcommand's own --help.
func (c *auditReplayCmd) Help() string {
	return usage("Reads every event from position 0 and nothing else: no view, no snapshot, no cache. " +
		"What it prints must agree with the views (projections verify) and with the gateway's own ledger. " +
		"Streams that lack events, because they were truncated or deleted in an EventStoreDB, are named, and the exit code is 1: the sums are without them.")
}

// Run replays the log of a data directory, or asks a running server to.
func (c *auditReplayCmd) Run(ctx context.Context, s streams, logger *slog.Logger) error {
	result, err := c.replay(ctx, s, logger)
	if err != nil {
		return err
	}
	if c.JSON {
		return firstErr(printJSON(s.out, result), result.err())
	}
	return firstErr(c.show(s.out, result), result.err())
}

func (c *auditReplayCmd) show(w io.Writer, result replayed) error {
	t := newTable(w, "what", "sum over the log")
	t.row("events", grouped(result.Events))
	t.row("streams", grouped(result.Streams))
	if result.IncompleteStreams > 0 {
		t.row("streams that lack events", grouped(result.IncompleteStreams))
	}
	if result.LimitedStreams > 0 {
		t.row("streams that are limited", grouped(result.LimitedStreams))
	}
	for _, status := range slices.Sorted(maps.Keys(result.Orders)) {
		t.row("orders "+string(status), grouped(result.Orders[status]))
	}
	for _, currency := range slices.Sorted(maps.Keys(result.CapturedMinor)) {
		t.row("captured", amount(result.CapturedMinor[currency], currency))
	}
	for _, currency := range slices.Sorted(maps.Keys(result.RefundedMinor)) {
		t.row("refunded", amount(result.RefundedMinor[currency], currency))
	}
	u := result.Units
	t.row("units received", grouped(u.Received))
	t.row("units reserved", grouped(u.Reserved))
	t.row("units released", grouped(u.Released))
	t.row("units committed", grouped(u.Committed))
	t.row("units returned", grouped(u.Returned))
	t.row("time", fmt.Sprintf("%.2f s, %s events/s", result.ElapsedSeconds, grouped(int64(result.EventsPerSecond))))
	if err := t.flush(); err != nil {
		return err
	}
	result.show(w)
	return nil
}

func (c *auditReplayCmd) replay(ctx context.Context, s streams, logger *slog.Logger) (replayed, error) {
	n, err := c.resolve(ctx, logger)
	if err != nil {
		return replayed{}, err
	}
	if at := n.server(); at != "" {
		return askReplay(ctx, at)
	}
	log, err := n.openLog(ctx, logger)
	if err != nil {
		return replayed{}, err
	}
	defer log.Close() //nolint:errcheck // it was only read
	end, err := log.End(ctx)
	if err != nil {
		return replayed{}, err
	}
	bar := newProgress(s.err, "replaying", 0)
	defer bar.end()
	return replay(ctx, log, func(at eventlog.Position, events int64) { bar.reach(at, end, events) })
}

// replay adds up a whole log. Events are decoded and added up in stretches by
// as many workers as there are processors; only what depends on order, the
// status of each order, is followed in the log's order.
//
//	reader ─▶ stretches ─▶ workers ─▶ tallies, in the log's order ─▶ sum
func replay(ctx context.Context, log eventlog.Store, progress func(at eventlog.Position, events int64)) (replayed, error) {
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
	all, status, whole := newTally(), map[eventlog.Stream]order.Status{}, newContinuity()
	for s := range inOrder {
		var part tallyErr
		select {
		case part = <-s.tally:
		case <-ctx.Done():
			return replayed{}, ctx.Err()
		}
		if err := firstErr(part.err, s.err); err != nil {
			return replayed{}, err
		}
		whole.take(part.spans)
		for _, turn := range part.tally.turns {
			if _, placed := status[turn.stream]; placed || turn.status == order.StatusPlaced { // else its beginning is missing: it is named, and not counted, as in the views
				status[turn.stream] = turn.status
			}
		}
		if err := all.add(part.tally); err != nil {
			return replayed{}, err
		}
		progress(all.position, all.events)
	}
	if err := ctx.Err(); err != nil {
		return replayed{}, err
	}
	orders := map[order.Status]int64{}
	for _, s := range status {
		orders[s]++
	}
	if err := whole.ask(ctx, log); err != nil {
		return replayed{}, err
	}
	result := all.result(orders)
	result.Streams, result.holes = int64(len(whole.last)), whole.holes
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
	tally *tally
	spans []span // of the streams, for what follows them
	err   error
}

func addUp(events []eventlog.Recorded) tallyErr {
	t := newTally()
	for _, r := range events {
		if err := t.take(r); err != nil {
			return tallyErr{tally: t, err: err}
		}
	}
	return tallyErr{tally: t, spans: spansOf(events)}
}

// readStretches reads the log to its end, and closes both channels.
func readStretches(ctx context.Context, log eventlog.Store, work, inOrder chan<- stretch) {
	defer close(work)
	defer close(inOrder)
	s := stretch{tally: make(chan tallyErr, 1), events: make([]eventlog.Recorded, 0, replayStretch)}
	send := func() bool {
		for _, to := range []chan<- stretch{inOrder, work} {
			select {
			case to <- s:
			case <-ctx.Done():
				return false
			}
		}
		s = stretch{tally: make(chan tallyErr, 1), events: make([]eventlog.Recorded, 0, replayStretch)}
		return true
	}
	for r, err := range log.ReadAll(ctx, 0) {
		if err != nil {
			s.err = err
			break
		}
		if isSystem(r) { // a node's own: users, metadata, what subscriptions remember
			continue
		}
		s.events = append(s.events, r)
		if len(s.events) == replayStretch && !send() {
			return
		}
	}
	send()
}

// firstErr returns the first error there is.
func firstErr(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
