package redis

import (
	"sync/atomic"

	"orderflow/domain/eventlog"
)

// readWatermark is the highest position at which this process saw a group. What it
// saw counts for every row: a customer who was told of one event is not shown
// the time before it elsewhere.
type readWatermark struct{ at atomic.Int64 }

func (f *readWatermark) advance(at eventlog.Position) {
	for {
		have := f.at.Load()
		if int64(at) <= have || f.at.CompareAndSwap(have, int64(at)) {
			return
		}
	}
}

// advanceFrom takes note of what this process saw elsewhere, and returns the least
// position that an answer may have which is asked for now.
func (f *readWatermark) advanceFrom(at Positions, group string) eventlog.Position {
	if at != nil {
		f.advance(at(group))
	}
	return f.get()
}

func (f *readWatermark) get() eventlog.Position { return eventlog.Position(f.at.Load()) }
