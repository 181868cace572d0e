package httpapi

import (
	"hash/maphash"
	"sync"
	"sync/atomic"

	"orderflow/domain"
	"orderflow/projections"
)

const (
	// responseShards keeps readers of different orders out of each other's way.
	responseShards = 32
	// maxResponsesBytes bounds the rendered orders in memory.
	maxResponsesBytes = 32 << 20
	// maxResponseBytes bounds one of them; larger orders are rendered each time.
	maxResponseBytes = 64 << 10
)

// responseCache keeps rendered orders until their row changes. Losing an entry
// costs one read of the view.
//
// Every request first applies the pending changes, so a cached response is never
// older than the changes published before the request. The shard's epoch rejects
// a response that was read before a change and stored after it, and an older
// response never replaces a newer one, so reads are monotonic. It is no library's
// cache, because a response, its shard's epoch and its bytes change under one lock.
type responseCache struct {
	seed    maphash.Seed
	shards  [responseShards]responseShard
	changes <-chan projections.Change // nil: nothing is kept
	ended   atomic.Bool               // nothing is kept any more

	catching sync.Mutex
}

type responseShard struct {
	mu    sync.Mutex
	kept  map[domain.OrderID]rendered
	bytes int
	epoch uint64 // grows with every change
}

// rendered is an order as it is sent.
type rendered struct {
	body     []byte
	tag      string
	position int64 // of the last event that changed it
}

func newResponseCache(changes <-chan projections.Change) *responseCache {
	a := &responseCache{seed: maphash.MakeSeed(), changes: changes}
	for i := range a.shards {
		a.shards[i].kept = map[domain.OrderID]rendered{}
	}
	return a
}

// end disables the cache: no changes are published any more.
func (a *responseCache) end() { a.ended.Store(true) }

// find returns the cached response of an order. If there is none, pass epoch to
// keep after reading the order from the view.
func (a *responseCache) find(id domain.OrderID) (r rendered, epoch uint64, ok bool) {
	if a.changes == nil || a.ended.Load() {
		return rendered{}, 0, false
	}
	if len(a.changes) > 0 {
		a.catchUp()
	}
	s := a.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok = s.kept[id]
	return r, s.epoch, ok
}

// keep stores a response that was read after find returned epoch, unless the order changed since.
func (a *responseCache) keep(id domain.OrderID, epoch uint64, r rendered) {
	if a.changes == nil || len(r.body) > maxResponseBytes {
		return
	}
	s := a.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	before, there := s.kept[id]
	if s.epoch != epoch || there && before.position > r.position {
		return
	}
	s.bytes += len(r.body) - len(before.body)
	s.kept[id] = r
	for other, o := range s.kept { // random eviction
		if s.bytes <= maxResponsesBytes/responseShards {
			break
		}
		if other != id {
			delete(s.kept, other)
			s.bytes -= len(o.body)
		}
	}
}

// catchUp invalidates the orders that changed. The hub loses changes when as many wait as it
// holds; they are then all fetched here in one go, so all entries are invalidated.
func (a *responseCache) catchUp() {
	a.catching.Lock()
	defer a.catching.Unlock()
	for n := 1; ; n++ {
		select {
		case c := <-a.changes:
			if c.Missed || n >= projections.MaxPendingChanges {
				a.invalidateAll()
				continue
			}
			for _, id := range c.Orders {
				a.invalidate(id)
			}
		default:
			return
		}
	}
}

func (a *responseCache) invalidate(id domain.OrderID) {
	s := a.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch++
	if r, ok := s.kept[id]; ok {
		delete(s.kept, id)
		s.bytes -= len(r.body)
	}
}

func (a *responseCache) invalidateAll() {
	for i := range a.shards {
		s := &a.shards[i]
		s.mu.Lock()
		s.epoch++
		clear(s.kept)
		s.bytes = 0
		s.mu.Unlock()
	}
}

func (a *responseCache) shard(id domain.OrderID) *responseShard {
	return &a.shards[maphash.String(a.seed, string(id))%responseShards]
}
