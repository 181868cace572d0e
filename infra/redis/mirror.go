package redis

import (
	"context"
	"sync"
	"time"

	"orderflow/domain/eventlog"
	"orderflow/projections"
	"orderflow/readmodels"
)

const (
	// maxQueuedBatches bounds what waits for Redis: about a second of a busy
	// projection.
	maxQueuedBatches = 64
	// maxQueuedRows bounds the memory of the same, about 20 MB of usual orders.
	maxQueuedRows = 16_384
	// mirrorTimeout bounds sending one batch: it may be megabytes, and no request waits for it.
	mirrorTimeout = 500 * time.Millisecond
	// tagLife is how long readers believe a tag after the last heartbeat.
	tagLife = 30 * time.Second
	// heartbeatInterval is how often an idle mirror renews its tags: several times in a tagLife.
	heartbeatInterval = 5 * time.Second
	// rowLife is for how long a row lies in Redis: the news of an order are in
	// its first days, and what is older is asked of the views.
	rowLife = 24 * time.Hour
)

// Mirror copies committed rows of orders and stock into Redis. It implements
// [projections.Mirror].
type Mirror struct {
	r     *Redis
	keys  *layout
	wake  chan struct{}
	stop  chan struct{}
	ended chan struct{}

	mu    sync.Mutex
	queue []shown
	rows  int // in queue

	// of the goroutine alone
	sent [groupCount]eventlog.Position // up to where each group was sent, whatever became of it; 0 before
	tags [groupCount][tagCount]tagState
}

var _ projections.Mirror = (*Mirror)(nil)

// shown is one batch, or the position of a reset.
type shown struct {
	group     int
	above, to eventlog.Position
	rows      readmodels.Rows
	reset     bool // nothing from before may be shown again
}

// tagState is the mirror's state of one tag.
type tagState struct {
	known bool // the tag holds what this process wrote, or a later state of it
	reset bool // the tag may hold what must not be shown
	down  bool // it failed; it gets no batches until a probe succeeds
}

func newMirror(r *Redis) *Mirror {
	return &Mirror{r: r, keys: r.keys, wake: make(chan struct{}, 1), stop: make(chan struct{}), ended: make(chan struct{})}
}

// Mirror returns the mirror of this process, and starts it.
func (r *Redis) Mirror() *Mirror {
	r.mirrorOnce.Do(func() { go r.mirror.run() })
	return r.mirror
}

// Wrote implements [projections.Mirror].
func (m *Mirror) Wrote(group string, b projections.Batch) {
	if g, ok := groupOf(group); ok {
		m.put(shown{group: g, above: b.Above, to: b.To.Position(), rows: b.Rows})
	}
}

// Reset implements [projections.Mirror].
func (m *Mirror) Reset(group string, at eventlog.Position) {
	if g, ok := groupOf(group); ok {
		m.put(shown{group: g, above: at, to: at, reset: true})
	}
}

// put never waits. What does not fit takes all that waits with it: after a gap
// a new epoch begins, in which older rows would be of no use.
func (m *Mirror) put(s shown) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := s.rows.Len()
	if len(m.queue) > 0 && (len(m.queue) >= maxQueuedBatches || m.rows+n > maxQueuedRows) {
		m.r.stats.dropped.Add(int64(len(m.queue)))
		m.forget(s.group, &s)
	}
	m.queue = append(m.queue, s)
	m.rows += n
	m.signal()
}

// forget empties the queue. Resets stay in force: that of s's own group passes
// to s, those of others remain without rows.
func (m *Mirror) forget(group int, s *shown) {
	var resets []shown
	for _, old := range m.queue {
		switch {
		case !old.reset:
		case old.group == group:
			s.reset = true
		default:
			old.rows = nil
			old.above = old.to
			resets = append(resets[:0], old)
		}
	}
	clear(m.queue)
	m.queue, m.rows = append(m.queue[:0], resets...), 0
}

func (m *Mirror) next() (s shown, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.queue) == 0 {
		return shown{}, false
	}
	s = m.queue[0]
	m.queue[0] = shown{}
	m.queue = m.queue[1:]
	m.rows -= s.rows.Len()
	return s, true
}

func (m *Mirror) run() {
	defer close(m.ended)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	tick := time.NewTicker(openFor)
	defer tick.Stop()
	var looking chan []tag // not nil while a probe runs
	kept := m.r.now()
	for {
		select {
		case <-m.wake:
			if s, ok := m.next(); ok {
				m.send(ctx, s)
				m.signal()
			}
		case <-tick.C:
			if m.r.now().Sub(kept) >= m.r.heartbeatInterval {
				kept = m.r.now()
				m.heartbeat(ctx)
			}
			if down := m.down(); looking == nil && len(down) > 0 {
				looking = make(chan []tag, 1)
				go m.probe(ctx, down, looking)
			}
		case well := <-looking:
			looking = nil
			m.markUp(ctx, well)
		case <-m.stop:
			m.rest(ctx)
			cancel()
			if looking != nil {
				<-looking
			}
			return
		}
	}
}

func (m *Mirror) signal() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// rest sends what waits, so that the next process goes on where this one
// stood; not longer than one batch may take.
func (m *Mirror) rest(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, mirrorTimeout)
	defer cancel()
	for s, ok := m.next(); ok && ctx.Err() == nil; s, ok = m.next() {
		m.send(ctx, s)
	}
}
