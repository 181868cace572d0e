package memory

import (
	"context"
	"sync"
	"time"

	"orderflow/commands"
	"orderflow/domain"
	"orderflow/internal/priority"
)

// MaxLimiterKeys bounds the keys of which requests are remembered: that many
// customers within one window are more than one process serves. A key costs
// about 150 bytes, and 8 more for each request in its window.
const MaxLimiterKeys = 1 << 16

// Limiter is a commands.Limiter for one process. It remembers the time of each
// request in a window, so it is exact. A key whose window is empty is
// forgotten when room is needed; with [MaxLimiterKeys] busy ones a further key
// is Unavailable.
type Limiter struct {
	now   func() time.Time
	start time.Time

	mu   sync.Mutex
	keys map[string]*window
	idle *priority.Queue[*window] // the one that is empty first comes first
}

var _ commands.Limiter = (*Limiter)(nil)

// NewLimiter returns a limiter on a clock that does not go back; nil is the
// machine's.
func NewLimiter(now func() time.Time) *Limiter {
	if now == nil {
		now = time.Now
	}
	return &Limiter{now: now, start: now(), keys: map[string]*window{}, idle: priority.New(emptyFirst)}
}

// Take implements [commands.Limiter].
func (l *Limiter) Take(_ context.Context, key string, limit int, length time.Duration) (commands.Allowance, error) {
	if limit < 1 || length < time.Millisecond {
		return commands.Allowance{}, domain.Errorf(domain.Invalid, "A limit of %d in %v cannot be kept.", limit, length)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now().Sub(l.start)
	w, err := l.window(key, now)
	if err != nil {
		return commands.Allowance{}, err
	}
	a := w.take(now, limit, length)
	if a.OK {
		w.idleAt = now + length
		l.idle.Fix(w.place)
	}
	return a, nil
}

// window finds the requests of a key. It forgets up to two idle keys for each
// new one, so that a wave of keys is gone as fast as it came.
func (l *Limiter) window(key string, now time.Duration) (*window, error) {
	if w := l.keys[key]; w != nil {
		return w, nil
	}
	for range 2 {
		if first, ok := l.idle.First(); ok && first.idleAt <= now {
			l.idle.Remove(first.place)
			delete(l.keys, first.key)
		}
	}
	if len(l.keys) >= MaxLimiterKeys {
		return nil, domain.Errorf(domain.Unavailable, "More than %d clients are active.", MaxLimiterKeys)
	}
	w := &window{key: key, idleAt: now}
	l.keys[key] = w
	w.place = l.idle.Push(w)
	return w, nil
}

// window is the requests of one key that were taken, oldest first.
type window struct {
	key    string
	taken  []time.Duration // since the limiter began
	idleAt time.Duration   // when the last one leaves the window
	place  *priority.Item[*window]
}

func emptyFirst(a, b *window) bool { return a.idleAt < b.idleAt }

func (w *window) take(now time.Duration, limit int, length time.Duration) commands.Allowance {
	for len(w.taken) > 0 && w.taken[0] <= now-length {
		w.taken = w.taken[1:]
	}
	a := commands.Allowance{Limit: limit}
	if n := len(w.taken); n < limit {
		w.taken = append(w.taken, now)
		a.OK = true
	} else {
		a.Retry = w.taken[n-limit] + length - now
	}
	a.Remaining = max(0, limit-len(w.taken))
	a.Reset = w.taken[len(w.taken)-1] + length - now
	return a
}
