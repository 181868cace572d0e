package projections

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// Cursor is the version and position of a group's serving rows at the time of a look.
// The zero Cursor is from before the first look.
type Cursor struct {
	Version  int64 // of the rows; changes with every rebuild, never 0
	Position eventlog.Position
}

// ChangeSource reports changes of views that other processes project.
type ChangeSource interface {
	// Changed returns the current cursor of a group and what changed since another
	// one: nothing if they are equal. At most limit orders are named; if there are
	// more, if the version is another or the position is lower, the change is Missed.
	// An order may be named before the position of its change is reached, and is then
	// named again.
	Changed(ctx context.Context, group string, since Cursor, limit int) (Change, Cursor, error)

	// Wait returns when views may have changed since its last call: soon after a
	// change, and after a bounded time in any case. Its error is that of ctx.
	Wait(ctx context.Context) error
}

// MaxNamedChanges bounds the orders that one [Change] of a [Reader] names.
const MaxNamedChanges = 1_000

// ReaderConfig is what a Reader works with. Views is required.
type ReaderConfig struct {
	Views  ChangeSource
	Log    Log              // for Status; nil if the process has none, then End is 0
	Groups []Group          // nil for all
	Now    func() time.Time // nil for the system's clock
	Logger *slog.Logger     // nil for the default
}

// Reader serves readers in a process that does not project, as a [Runner] does in one
// that does: it awaits positions and publishes changes. It is safe for concurrent use.
type Reader struct {
	config  ReaderConfig
	changes *Changes
	groups  []*watched
}

// watched is a group that other processes project.
type watched struct {
	name    string
	backlog *backlog // nil without a log

	looking sync.Mutex // held while the store is asked

	mu     sync.Mutex
	looks  int64 // that began
	cursor Cursor
	state  State
	err    error
	seen   time.Time     // when the mark changed last
	moved  chan struct{} // closed and replaced when mark or state changes
	stuck  stuck
}

// NewReader returns a Reader. Await and Status work without Run too; changes
// are published while it runs.
func NewReader(c ReaderConfig) *Reader {
	if c.Groups == nil {
		c.Groups = Groups()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	r := &Reader{config: c, changes: NewChanges()}
	for _, g := range c.Groups {
		w := &watched{name: g.Name, state: Stopped, moved: make(chan struct{})}
		if c.Log != nil {
			w.backlog = newBacklog(c.Log, g)
		}
		r.groups = append(r.groups, w)
	}
	return r
}

// Changes is the hub on which every change that was seen is published.
func (r *Reader) Changes() *Changes { return r.changes }

// Run looks for changes until ctx is done and then returns nil. It must not be
// called while it runs.
func (r *Reader) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		for _, w := range r.groups {
			r.look(ctx, w)
		}
		if err := r.config.Views.Wait(ctx); err != nil && ctx.Err() == nil {
			r.config.Logger.Warn("changes of the views cannot be awaited; this is retried", "error", err, "wait", StoreRetryWait)
			select {
			case <-time.After(StoreRetryWait):
			case <-ctx.Done():
			}
		}
	}
	for _, w := range r.groups {
		w.become(Stopped, nil)
	}
	return nil
}

// look reads the cursor of a group from the store and publishes the change. Looks are
// made one at a time; concurrent callers share the next one.
func (r *Reader) look(ctx context.Context, w *watched) {
	_, before := w.lastLook()
	w.looking.Lock()
	defer w.looking.Unlock()
	since, looks := w.lastLook()
	if looks > before {
		return
	}
	w.beginLook()
	change, mark, err := r.config.Views.Changed(ctx, w.name, since, MaxNamedChanges)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		if w.become(Retrying, err) {
			r.config.Logger.Warn("the view cannot be read; this is retried", "view", w.name, "error", err)
		}
		return
	}
	w.become(Following, nil)
	if mark == since {
		return
	}
	w.advance(mark, r.config.Now())
	r.changes.Publish(change)
}

// lastLook returns the cursor of the last look, and how many looks began.
func (w *watched) lastLook() (Cursor, int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cursor, w.looks
}

func (w *watched) beginLook() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looks++
}

func (w *watched) advance(to Cursor, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cursor, w.seen = to, now
	w.signal()
}

// become sets the state and reports whether it changed.
func (w *watched) become(s State, err error) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	changed := w.state != s
	w.state, w.err = s, err
	if changed {
		w.signal()
	}
	return changed
}

func (w *watched) signal() {
	close(w.moved)
	w.moved = make(chan struct{})
}

// Await returns nil once a group reflects the log up to a position. It waits
// until ctx is done, at most [MaxAwait], and then is Unavailable.
func (r *Reader) Await(ctx context.Context, group string, at eventlog.Position) error {
	w, err := r.watched(group)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, MaxAwait)
	defer cancel()
	for look := true; ; {
		if look {
			r.look(ctx, w)
		}
		w.mu.Lock()
		moved, have := w.moved, w.cursor.Position
		w.mu.Unlock()
		if have >= at {
			return nil
		}
		if look, err = awaitMove(ctx, moved); err != nil {
			return domain.Wrap(domain.Unavailable, err, "The view %s is at position %d and has not reached %d in time", w.name, have, at)
		}
	}
}

// Stands returns the last known position of a group; 0 for one that is not kept.
func (r *Reader) Stands(group string) eventlog.Position {
	w, err := r.watched(group)
	if err != nil {
		return 0
	}
	mark, _ := w.lastLook()
	return mark.Position
}

// awaitEvery is how often a waiting reader looks if no change is published.
const awaitEvery = 250 * time.Millisecond

func awaitMove(ctx context.Context, moved <-chan struct{}) (look bool, err error) {
	t := time.NewTimer(awaitEvery)
	defer t.Stop()
	select {
	case <-moved:
		return false, nil
	case <-t.C:
		return true, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// Status returns the status of each group as far as it is known here. Only the
// process that projects knows whether a group is stalled, broken or being rebuilt.
func (r *Reader) Status(ctx context.Context) ([]Status, error) {
	all := make([]Status, len(r.groups))
	for i, w := range r.groups {
		s, err := r.status(ctx, w)
		if err != nil {
			return nil, err
		}
		all[i] = s
	}
	return all, nil
}

func (r *Reader) status(ctx context.Context, w *watched) (Status, error) {
	r.look(ctx, w)
	w.mu.Lock()
	s := Status{Group: w.name, State: w.state, Position: w.cursor.Position, WrittenAt: w.seen}
	if w.err != nil {
		s.Error = w.err.Error()
	}
	w.mu.Unlock()
	if s.State != Retrying {
		s.countHoles(ctx, r.config.Views)
	}
	if r.config.Log == nil {
		return s, nil
	}
	var err error
	if s.End, err = r.config.Log.End(ctx); err != nil {
		return Status{}, err
	}
	n, first, err := w.backlog.look(ctx, s.Position, s.End, maxLookTime)
	if err != nil {
		return Status{}, err
	}
	if s.LagEvents = int64(n); n > 0 {
		s.Lag = max(0, r.config.Now().Sub(first.stored))
	}
	return s, nil
}

func (r *Reader) watched(group string) (*watched, error) {
	i := slices.IndexFunc(r.groups, func(w *watched) bool { return w.name == group })
	if i < 0 {
		return nil, notKept(group)
	}
	return r.groups[i], nil
}
