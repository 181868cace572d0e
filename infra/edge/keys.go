package edge

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"orderflow/internal/pause"
)

// retryEvery is how soon a key set that could not be fetched is tried again.
const retryEvery = 10 * time.Second

// theSet is the key of flights: there is one key set.
const theSet = ""

// keys is the key set as it is now, and who keeps it so.
type keys struct {
	load    func(context.Context) ([]byte, error)
	every   time.Duration // between two fetches
	fetched func(keys int, err error)

	set atomic.Pointer[keySet] // nil until there was one

	flight      singleflight.Group // one flight at a time reads the published set
	refetchedAt time.Time          // of the last fetch for an unknown kid; belongs to the flight

	life context.Context //nolint:containedctx // of the fetches, which outlast the requests that want them
	stop context.CancelFunc
	done sync.WaitGroup
}

// openKeys fetches the key set and goes on doing so until close.
func openKeys(ctx context.Context, o Options) (*keys, error) {
	k := &keys{every: o.Refresh, fetched: o.fetched}
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
	if k.load != nil {
		_, _, _ = k.flight.Do(theSet, k.refetch) // waits for the flight under way; a new one ends at once
	}
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
	select {
	case <-k.flight.DoChan(theSet, k.refetch):
	case <-ctx.Done():
	}
	return k.lookup(kid)
}

func (k *keys) lookup(kid string) *key {
	if set := k.set.Load(); set != nil {
		return (*set)[kid]
	}
	return nil
}

// refetch is the flight for an unknown kid: a fetch, at most once in [RefetchEvery].
// The result tells whether it fetched.
func (k *keys) refetch() (fetched any, err error) {
	now := time.Now()
	if k.life.Err() != nil || now.Sub(k.refetchedAt) < RefetchEvery {
		return false, nil
	}
	k.refetchedAt = now
	return k.refresh()
}

// refresh is the flight that fetches in any case.
func (k *keys) refresh() (fetched any, err error) {
	return true, k.fetch(k.life) // an error was reported by then; the last good set stays
}

// keepFresh fetches the set in the background, more often while it has none.
func (k *keys) keepFresh() {
	for {
		wait := k.every
		if k.empty() {
			wait = min(wait, retryEvery)
		}
		if pause.For(k.life, wait) != nil {
			return
		}
		for fetched := false; !fetched; { // it may join a flight that is too early to fetch
			v, _, _ := k.flight.Do(theSet, k.refresh)
			fetched = v.(bool) //nolint:forcetypeassert // flights return nothing else
		}
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
