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
// alternate, so nothing is copied.
type queue struct {
	max  int           // events of a batch
	more chan struct{} // the first event came, a batch is full, or the end came
	room chan struct{} // a batch was taken

	mu     sync.Mutex
	events []event
	spare  []event // the batch taken last
	bytes  int
	last   eventlog.Position  // of the newest event that came
	passed eventlog.Watermark // the last watermark
	goal   eventlog.Position  // of the last event before it caught up
	end    error              // after the last event: io.EOF or what went wrong
}

func newQueue(maxEvents int) *queue {
	return &queue{max: maxEvents, more: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// fill reads a sequence to its end, or until ctx is done, and closes the queue.
// It skips events at or below one that came before, which are delivered again.
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

// waitPolicy says how long next may wait.
type waitPolicy struct {
	idle  <-chan time.Time            // ends the wait on an empty queue; nil for never
	wake  <-chan struct{}             // ends the wait on an empty queue, and the wait for further events
	batch func() (wait time.Duration) // how long the first event waits for further ones; nil for not at all
}

// pass records a watermark of the subscription; the events up to it are in the queue
// or were taken.
func (q *queue) pass(w eventlog.Watermark) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if w.CaughtUp && !q.passed.CaughtUp {
		q.goal = q.last
	}
	q.passed = w
}

// caughtUp reports whether a view at a position has what was the end of the log when
// the subscription began.
func (q *queue) caughtUp(at eventlog.Position) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.passed.CaughtUp && at >= q.goal
}

// next returns the next batch, in order. If the wait ends with an empty queue it
// returns no events and the watermark of the subscription: all events up to it were
// taken. After the last event it returns the error that ended the sequence, io.EOF at
// its end. A batch is valid until the next call.
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

// oldest returns when the first waiting event was recorded, and how many wait.
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
