package redis

import (
	"sync/atomic"

	"orderflow/domain/eventlog"
)

// readWatermark gives monotonic reads: it is the newest position of a group that
// this process has seen, and answers older than that are rejected. It covers
// every row of the group, so a customer who saw one event sees no earlier state
// of another order.
type readWatermark struct{ at atomic.Int64 }

// advance raises the watermark to at; it never lowers it.
func (f *readWatermark) advance(at eventlog.Position) {
	for {
		have := f.at.Load()
		if int64(at) <= have || f.at.CompareAndSwap(have, int64(at)) {
			return
		}
	}
}

// advanceFrom raises the watermark to the position of the process's own view and
// returns the least position that the next answer may have.
func (f *readWatermark) advanceFrom(at Positions, group string) eventlog.Position {
	if at != nil {
		f.advance(at(group))
	}
	return f.get()
}

func (f *readWatermark) get() eventlog.Position { return eventlog.Position(f.at.Load()) }
