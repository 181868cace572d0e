package pebblelog

import (
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
)

// compactions lets the database compact, one at a time, only when the start has
// ended. Until then the tables stay what the database knew when it was opened:
// what the start looks for could not be seen in a table that replaced them.
type compactions struct {
	*pebble.ConcurrencyLimitScheduler
	db      pebble.DBForCompaction
	allowed *atomic.Bool
}

// newCompactions takes the scheduler without a timer: with one compaction at a
// time, the end of one and the wish for one are all that can change anything.
func newCompactions() *compactions {
	return &compactions{pebble.NewConcurrencyLimitSchedulerWithNoPeriodicGrantingForTest(), nil, new(atomic.Bool)}
}

// Register implements pebble.CompactionScheduler.
func (c *compactions) Register(goroutines int, db pebble.DBForCompaction) {
	c.db = db
	c.ConcurrencyLimitScheduler.Register(goroutines, limited{db, c.allowed})
}

// limited is the database that asks for no compaction until it may.
type limited struct {
	pebble.DBForCompaction
	allowed *atomic.Bool
}

// GetAllowedWithoutPermission implements pebble.DBForCompaction.
func (l limited) GetAllowedWithoutPermission() int {
	if !l.allowed.Load() {
		return 0
	}
	return l.DBForCompaction.GetAllowedWithoutPermission()
}

// allow begins the compaction that waits, if one does.
func (c *compactions) allow() {
	c.allowed.Store(true)
	ok, grant := c.TrySchedule()
	if !ok {
		return // one is under way already
	}
	if waits, _ := c.db.GetWaitingCompaction(); !waits || !c.db.Schedule(grant) {
		grant.Done()
	}
}
