package eventstoredb

import (
	"context"
	"time"
)

// troubles counts the failures of a subscription in a row, and has them logged:
// once when there are some, and once when it goes on.
//
// Being confirmed is no success: a node that leads no more confirms a
// subscription and ends it. An event or a checkpoint is one, and so is having
// lasted for a while.
type troubles struct {
	log      *Log
	failures int
	since    time.Time // when the subscription was opened; zero while there is none
	loud     bool
}

// dropped notes a failure and returns how many there were in a row.
func (t *troubles) dropped(ctx context.Context, s *subscription, f failure, err error) int {
	if !t.since.IsZero() && time.Since(t.since) >= steadyAfter {
		t.failures = 0
	}
	t.since = time.Time{}
	t.failures++
	if t.failures == loudAfter && !t.loud && !s.reading() {
		t.loud = true
		t.log.opts.Logger.WarnContext(ctx, "a subscription to EventStoreDB is dropped again and again; it is reopened until it lasts",
			"node", t.log.Name(), "position", s.place.at(), "failures", t.failures, "kind", f.kind.String(), "error", err)
	}
	return t.failures
}

func (t *troubles) opened() { t.since = time.Now() }

// over notes that the subscription moves.
func (t *troubles) over() {
	t.calm()
	t.failures = 0
}

// calm says that it goes on. Failures still count: it may be about to end.
func (t *troubles) calm() {
	if t.loud {
		t.loud = false
		t.log.opts.Logger.Info("the subscription to EventStoreDB goes on", "node", t.log.Name(), "failures", t.failures)
	}
}
