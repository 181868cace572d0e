package redis

import (
	"sync/atomic"

	"orderflow/domain/eventlog"
)

// floor is the highest position at which this process saw a group. What it
// saw counts for every row: a customer who was told of one event is not shown
// the time before it elsewhere.
type floor struct{ at atomic.Int64 }

func (f *floor) saw(at eventlog.Position) {
	for {
		have := f.at.Load()
		if int64(at) <= have || f.at.CompareAndSwap(have, int64(at)) {
			return
		}
	}
}

// sees takes note of what this process saw elsewhere, and returns the least
// position that an answer may have which is asked for now.
func (f *floor) sees(at Positions, group string) eventlog.Position {
	if at != nil {
		f.saw(at(group))
	}
	return f.seen()
}

func (f *floor) seen() eventlog.Position { return eventlog.Position(f.at.Load()) }
