package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"orderflow/domain/eventlog"
)

// verifySize is how many events are followed at a time.
const verifySize = 2_048

// servedReport is what can be said of a log that an EventStoreDB keeps.
type servedReport struct {
	Served  bool  `json:"served,omitempty"`  // false for an embedded log, where all of this is empty
	Streams int64 `json:"streams,omitempty"` // of this system
	holes
}

// verifyServed reads all events of this system's streams in a log that is served
// elsewhere, and says which streams lack some. That its bytes are whole, the
// server's own tools say.
func verifyServed(ctx context.Context, log eventLog, progress func(at, end eventlog.Position)) (r logReport, err error) {
	if r.End, err = log.End(ctx); err != nil {
		return r, err
	}
	c, events := newContinuity(), make([]eventlog.Recorded, 0, verifySize)
	for e, err := range log.ReadAll(ctx, 0, categories()...) {
		if err != nil {
			return r, err
		}
		r.Events++
		if events = append(events, e); len(events) == verifySize {
			c.take(spansOf(events))
			progress(e.Position, r.End)
			events = events[:0]
		}
	}
	c.take(spansOf(events))
	if err := c.ask(ctx, log); err != nil {
		return r, err
	}
	r.servedReport = servedReport{Served: true, Streams: int64(len(c.last)), holes: c.holes}
	r.OK = r.IncompleteStreams == 0
	return r, nil
}

// looksAtServed verifies the log in the EventStoreDB that the node names.
func (n node) looksAtServed(ctx context.Context, s streams, logger *slog.Logger) (r logReport, err error) {
	log, err := n.openLog(ctx, logger)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	bar := newProgress(s.err, "verifying the log", 0)
	defer bar.end()
	return verifyServed(ctx, log, func(at, end eventlog.Position) {
		bar.total = int64(end)
		bar.set(int64(at))
	})
}

func showServed(s streams, r logReport) error {
	t := newTable(s.out, "what", "in the log")
	t.row("ends at position", fmt.Sprint(int64(r.End)))
	t.row("events of this system", grouped(r.Events))
	t.row("its streams", grouped(r.Streams))
	t.row("streams that lack events", grouped(r.IncompleteStreams))
	t.row("streams that are limited", grouped(r.LimitedStreams))
	if err := t.flush(); err != nil {
		return err
	}
	r.show(s.out)
	return nil
}
