package sagastest

import (
	"context"
	"iter"
	"sync"

	"orderflow/domain/eventlog"
)

// Log is a log with every capability that a reader asks for.
type Log interface {
	eventlog.Store
	eventlog.Watermarked
	eventlog.PositionFinder
	eventlog.EndReader
}

// Unsteady is a log whose subscriptions fail and fall silent when a test says
// so, and which can be replaced by another one, as a server that was restored
// from a backup. Everything else is answered by the log as it is.
type Unsteady struct {
	mu         sync.Mutex
	log        Log
	failures   []error
	silent     bool
	cuts       map[int]context.CancelCauseFunc // of the subscriptions under way
	opened     int
	reconnects int
	yielded    int
}

// NewUnsteady returns log, which works until it is told otherwise.
func NewUnsteady(log Log) *Unsteady {
	return &Unsteady{log: log, cuts: map[int]context.CancelCauseFunc{}}
}

// Fail ends the subscriptions under way with the first failure, and each new one
// with the next, as long as there are any.
func (u *Unsteady) Fail(failures ...error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.failures = append(u.failures, failures...)
	if len(u.cuts) > 0 && len(u.failures) > 0 {
		u.cut(u.failures[0])
		u.failures = u.failures[1:]
	}
}

// Silence has every subscription, those under way included, neither yield nor
// fail any more; Silence(false) has new ones work again.
func (u *Unsteady) Silence(on bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.silent = on
}

// Replace has another log answer from now on. Subscriptions under way end with err.
func (u *Unsteady) Replace(log Log, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.log = log
	u.cut(err)
}

// Reconnect implements following.Reconnecting.
func (u *Unsteady) Reconnect() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.reconnects++
}

// Counts returns how many subscriptions there were, how often they were told to
// reconnect, and how many events they yielded.
func (u *Unsteady) Counts() (opened, reconnects, yielded int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.opened, u.reconnects, u.yielded
}

func (u *Unsteady) cut(err error) {
	for _, cut := range u.cuts {
		cut(err)
	}
}

func (u *Unsteady) now() Log {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.log
}

// begin notes a subscription; err is with what it fails at once.
func (u *Unsteady) begin(cut context.CancelCauseFunc) (log Log, n int, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.opened++
	if len(u.failures) > 0 {
		err, u.failures = u.failures[0], u.failures[1:]
		return nil, 0, err
	}
	u.cuts[u.opened] = cut
	return u.log, u.opened, nil
}

func (u *Unsteady) end(n int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.cuts, n)
}

// speaks reports whether subscriptions say something, and counts an event.
func (u *Unsteady) speaks(events int) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.silent {
		u.yielded += events
	}
	return !u.silent
}

// SubscribeWatermarked implements eventlog.Watermarked.
func (u *Unsteady) SubscribeWatermarked(ctx context.Context, above eventlog.Position, passed func(eventlog.Watermark), categories ...string) iter.Seq2[eventlog.Recorded, error] {
	return func(yield func(eventlog.Recorded, error) bool) {
		ctx, cut := context.WithCancelCause(ctx)
		defer cut(nil)
		log, n, err := u.begin(cut)
		if err != nil {
			yield(eventlog.Recorded{}, err)
			return
		}
		defer u.end(n)
		told := func(w eventlog.Watermark) {
			if u.speaks(0) {
				passed(w)
			}
		}
		for r, err := range log.SubscribeWatermarked(ctx, above, told, categories...) {
			if err == nil && !u.speaks(1) {
				<-ctx.Done()
				err = ctx.Err()
			}
			if err != nil {
				if cause := context.Cause(ctx); cause != nil {
					err = cause
				}
				yield(eventlog.Recorded{}, err)
				return
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}

// Subscribe implements eventlog.Store.
func (u *Unsteady) Subscribe(ctx context.Context, above eventlog.Position, categories ...string) iter.Seq2[eventlog.Recorded, error] {
	return u.SubscribeWatermarked(ctx, above, func(eventlog.Watermark) {}, categories...)
}

// Append implements eventlog.Store.
func (u *Unsteady) Append(ctx context.Context, s eventlog.Stream, version eventlog.Version, events ...eventlog.Pending) (eventlog.Appended, error) {
	return u.now().Append(ctx, s, version, events...)
}

// Read implements eventlog.Store.
func (u *Unsteady) Read(ctx context.Context, s eventlog.Stream, above eventlog.Version) iter.Seq2[eventlog.Recorded, error] {
	return u.now().Read(ctx, s, above)
}

// ReadAll implements eventlog.Store.
func (u *Unsteady) ReadAll(ctx context.Context, above eventlog.Position, categories ...string) iter.Seq2[eventlog.Recorded, error] {
	return u.now().ReadAll(ctx, above, categories...)
}

// At implements eventlog.PositionFinder.
func (u *Unsteady) At(ctx context.Context, p eventlog.Position) (eventlog.Recorded, bool, error) {
	return u.now().At(ctx, p)
}

// End implements eventlog.EndReader.
func (u *Unsteady) End(ctx context.Context) (eventlog.Position, error) { return u.now().End(ctx) }
