package projections

import (
	"context"
	"io"
	"iter"
	"sync"
	"time"

	"orderflow/domain/eventlog"
)

// queue hands decoded events from the reader of the log to the writer of the
// views, so that the next batch is decoded while the last one is written. It
// holds one batch, by events and by bytes; then the reader waits. Two buffers
// take turns, so nothing is copied.
type queue struct {
	max  int           // events of a batch
	more chan struct{} // the first event came, a batch is full, or the end came
	room chan struct{} // a batch was taken

	mu     sync.Mutex
	events []event
	spare  []event // the batch taken last
	bytes  int
	last   eventlog.Position  // of the newest event that came
	passed eventlog.Watermark // as the subscription told it last
	goal   eventlog.Position  // of the last event before it caught up
	end    error              // after the last event: io.EOF or what went wrong
}

func newQueue(maxEvents int) *queue {
	return &queue{max: maxEvents, more: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// fill reads a sequence to its end, or until ctx is done, and closes the queue.
// An event that is delivered again, at or below one that came, is passed over.
func (q *queue) fill(ctx context.Context, seq iter.Seq2[eventlog.Recorded, error]) {
	d, last := newDecoder(), eventlog.Position(0)
	for r, err := range seq {
		if err != nil {
			q.close(err)
			return
		}
		if r.Position <= last {
			continue
		}
		last = r.Position
		e, err := d.decode(r)
		if err != nil {
			q.close(err)
			return
		}
		if err := q.put(ctx, e); err != nil {
			q.close(err)
			return
		}
	}
	q.close(io.EOF)
}

func (q *queue) put(ctx context.Context, e event) error {
	for {
		q.mu.Lock()
		if !q.full() {
			q.events, q.last = append(q.events, e), e.Position
			q.bytes += e.size
			wake := len(q.events) == 1 || q.full()
			q.mu.Unlock()
			if wake {
				signal(q.more)
			}
			return nil
		}
		q.mu.Unlock()
		select {
		case <-q.room:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (q *queue) full() bool { return len(q.events) >= q.max || q.bytes >= MaxBatchBytes }

func (q *queue) close(err error) {
	q.mu.Lock()
	q.end = err
	q.mu.Unlock()
	signal(q.more)
}

// patience says how long a take may wait.
type waitPolicy struct {
	idle  <-chan time.Time            // give up on an empty queue when it fires; nil for never
	wake  <-chan struct{}             // give up on an empty queue, and do not linger on one that is not
	batch func() (wait time.Duration) // how long the first event waits for company; nil for not at all
}

// pass notes how far the subscription has looked; the events up to there are in
// the queue or were taken.
func (q *queue) pass(w eventlog.Watermark) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if w.CaughtUp && !q.passed.CaughtUp {
		q.goal = q.last
	}
	q.passed = w
}

// caughtUp says whether a view at a position has what was the end of the log
// when the subscription began.
func (q *queue) caughtUp(at eventlog.Position) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.passed.CaughtUp && at >= q.goal
}

// take returns the next batch, in order; nothing when patience ended with an
// empty queue, and then how far the subscription has looked: all events up to
// there were taken; the end of the sequence as an error after its last event. A
// batch is valid until the next take.
func (q *queue) next(ctx context.Context, p waitPolicy) ([]event, eventlog.Watermark, error) {
	var deadline <-chan time.Time
	nudged := false
	for {
		q.mu.Lock()
		n, ready := len(q.events), q.full() || q.end != nil || nudged || p.batch == nil
		if n > 0 && ready {
			batch := q.swap()
			q.mu.Unlock()
			signal(q.room)
			return batch, eventlog.Watermark{}, nil
		}
		end, passed := q.end, q.passed
		q.mu.Unlock()
		if n == 0 && (end != nil || nudged) {
			return nil, passed, end
		}
		if n > 0 && deadline == nil {
			t := time.NewTimer(p.batch())
			defer t.Stop()
			deadline = t.C
		}
		select {
		case <-q.more:
		case <-deadline:
			nudged = true
		case <-p.wake:
			nudged = true
		case <-p.idle:
			nudged = true
		case <-ctx.Done():
			return nil, eventlog.Watermark{}, ctx.Err()
		}
	}
}

// swap hands out the events and lets the buffer of the batch before be filled.
func (q *queue) swap() []event {
	batch := q.events
	clear(q.spare) // its facts can be forgotten
	q.events, q.spare, q.bytes = q.spare[:0], batch, 0
	return batch
}

// oldest is when the first waiting event was recorded, and how many wait.
func (q *queue) oldest() (time.Time, int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.events) == 0 {
		return time.Time{}, 0
	}
	return q.events[0].At, len(q.events)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
