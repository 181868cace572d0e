package aggregate

import "sync/atomic"

// Stats counts what an [Aggregate] did since it was made.
type Stats struct {
	Commands  int64 // sent to Transact
	Looks     int64 // loads that Peek did not answer
	Hits      int64 // requests whose stream was cached
	Misses    int64 // requests whose stream was not
	Reads     int64 // of a stream or its tail
	Appends   int64
	Grouped   int64 // commands whose events the appends contained
	Events    int64 // in the appends
	Largest   int64 // maximum of commands in one append
	Conflicts int64 // appends refused because another process appended first
	Evictions int64 // states dropped to keep the cache in bounds

	SnapshotsRead, SnapshotsSaved, SnapshotsFailed int64
}

type counters struct {
	commands, looks, hits, misses, reads, appends, grouped, events, largest, conflicts, restored, saved, unsaved atomic.Int64
}

func (c *counters) count(command, hit bool) {
	if command {
		c.commands.Add(1)
	} else {
		c.looks.Add(1)
	}
	if hit {
		c.hits.Add(1)
	} else {
		c.misses.Add(1)
	}
}

func (c *counters) appended(commands, events int) {
	c.appends.Add(1)
	c.grouped.Add(int64(commands))
	c.events.Add(int64(events))
	for n := int64(commands); ; {
		most := c.largest.Load()
		if n <= most || c.largest.CompareAndSwap(most, n) {
			return
		}
	}
}

// Stats returns the counts so far.
func (a *Aggregate[S, E]) Stats() Stats {
	c := &a.stats
	a.cache.mu.Lock()
	evicted := a.cache.evicted
	a.cache.mu.Unlock()
	return Stats{
		Commands: c.commands.Load(), Looks: c.looks.Load(), Hits: c.hits.Load(), Misses: c.misses.Load(), Reads: c.reads.Load(),
		Appends: c.appends.Load(), Grouped: c.grouped.Load(), Events: c.events.Load(), Largest: c.largest.Load(),
		Conflicts: c.conflicts.Load(), Evictions: evicted,
		SnapshotsRead: c.restored.Load(), SnapshotsSaved: c.saved.Load(), SnapshotsFailed: c.unsaved.Load(),
	}
}
