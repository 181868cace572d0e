package edge

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// retryEvery is how soon a key set that could not be fetched is tried again.
const retryEvery = 10 * time.Second

// keys is the key set as it is now, and who keeps it so.
type keys struct {
	load    func(context.Context) ([]byte, error)
	refresh time.Duration
	fetched func(keys int, err error)

	set atomic.Pointer[keySet] // nil until there was one

	mu          sync.Mutex
	fetching    chan struct{} // closed when the fetch under way has ended; nil if none is
	refetchedAt time.Time     // of the last fetch for an unknown kid

	life context.Context //nolint:containedctx // of the fetches, which outlast the requests that want them
	stop context.CancelFunc
	done sync.WaitGroup
}

// openKeys fetches the key set and goes on doing so until close.
func openKeys(ctx context.Context, o Options) (*keys, error) {
	k := &keys{refresh: o.Refresh, fetched: o.fetched}
	if o.Dev != nil {
		set, err := parseKeys(o.Dev.JWKS())
		k.set.Store(&set)
		k.stop = func() {}
		return k, err
	}
	var err error
	var isFile bool
	if k.load, isFile, err = loader(o); err != nil {
		return nil, err
	}
	k.life, k.stop = context.WithCancel(context.WithoutCancel(ctx))
	if err := k.fetch(ctx); err != nil && isFile {
		k.stop()
		return nil, err
	}
	k.done.Go(k.keepFresh)
	return k, nil
}

func (o *Options) fetched(n int, err error) {
	if err != nil {
		o.Logger.Warn("the key set of tokens cannot be fetched", "from", o.JWKS, "error", err)
	}
	if o.Observer.Fetched != nil {
		o.Observer.Fetched(n, err)
	}
}

func (k *keys) close() {
	k.stop()
	k.done.Wait()
}

// empty reports that no key set was ever fetched.
func (k *keys) empty() bool { return k.set.Load() == nil }

// has reports whether a key is still in the set.
func (k *keys) has(one *key) bool {
	set := k.set.Load()
	return set != nil && (*set)[one.id] == one
}

// find returns the key of a kid, or nil. One that is not in the set may be new,
// so the set is fetched, at most once in RefetchEvery.
func (k *keys) find(ctx context.Context, kid string) *key {
	if found := k.lookup(kid); found != nil || k.load == nil {
		return found
	}
	if done := k.refetch(); done != nil {
		select {
		case <-done:
		case <-ctx.Done():
		}
	}
	return k.lookup(kid)
}

func (k *keys) lookup(kid string) *key {
	if set := k.set.Load(); set != nil {
		return (*set)[kid]
	}
	return nil
}

// refetch starts a fetch, at most once in [RefetchEvery], and returns a channel that
// is closed when it ends; nil if it is too early.
func (k *keys) refetch() <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now := time.Now(); k.fetching == nil {
		if now.Sub(k.refetchedAt) < RefetchEvery || k.life.Err() != nil {
			return nil
		}
		k.refetchedAt = now
		k.startFetch()
	}
	return k.fetching
}

// startFetch starts a fetch; k.mu is held and none is under way.
func (k *keys) startFetch() {
	done := make(chan struct{})
	k.fetching = done
	k.done.Go(func() {
		_ = k.fetch(k.life) // fetched has reported it; the last good set stays
		k.mu.Lock()
		k.fetching = nil
		k.mu.Unlock()
		close(done)
	})
}

// keepFresh fetches the set in the background, more often while it has none.
func (k *keys) keepFresh() {
	for {
		wait := k.refresh
		if k.empty() {
			wait = min(wait, retryEvery)
		}
		timer := time.NewTimer(wait)
		select {
		case <-k.life.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		k.mu.Lock()
		if k.fetching == nil {
			k.startFetch()
		}
		done := k.fetching
		k.mu.Unlock()
		<-done
	}
}

// fetch replaces the set by the published one, if that can be read. Unchanged keys
// keep their pointers.
func (k *keys) fetch(ctx context.Context) error {
	data, err := k.load(ctx)
	var next keySet
	if err == nil {
		next, err = parseKeys(data)
	}
	if err != nil {
		if k.life.Err() == nil {
			k.fetched(0, err)
		}
		return err
	}
	if old := k.set.Load(); old != nil {
		for id, one := range next {
			if same := (*old)[id]; same != nil && same.print == one.print {
				next[id] = same
			}
		}
	}
	k.set.Store(&next)
	k.fetched(len(next), nil)
	return nil
}
