package engine

import "sync"

// writeQueue serialises the writes of a stream and its metastream (group commit).
// Appends enqueue a request; the goroutine that holds the queue decides all
// waiting requests in order and writes once:
//
//	append ─► queue ─► first to get hold: take all, decide each, one write, answer each
//
// It also caches the states of its streams.
type writeQueue struct {
	root string
	hold chan struct{} // holds one token while a goroutine decides

	mu         sync.Mutex
	queue      []*request
	states     map[string]streamState
	generation uint64 // grows when cached states are dropped
	storing    bool   // a write is in progress: the log may be ahead of states

	users int // guarded by writeQueues.mu
}

// streamState is the end of a stream.
type streamState struct {
	last       int64 // number of the last event before a tombstone, -1 if there is none
	tombstoned bool
	metadata   *Metadata // of a metastream: what its last event says; nil if it has none
}

func newWriteQueue(root string) *writeQueue {
	return &writeQueue{root: root, hold: make(chan struct{}, 1), states: map[string]streamState{}}
}

// known returns the cached state of a stream, and the generation to pass to cache.
// During a write it returns none, because a subscription that was woken by the
// write's event must see that event: the log is read instead.
func (l *writeQueue) known(stream string) (h streamState, ok bool, generation uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.storing {
		return streamState{}, false, l.generation
	}
	h, ok = l.states[stream]
	return h, ok, l.generation
}

// store begins a write; call moved or invalidate when it ends.
func (l *writeQueue) store() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.storing = true
}

// cache stores a loaded state, unless a newer one is cached or the generation has
// changed.
func (l *writeQueue) cache(stream string, h streamState, generation uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.states[stream]; !ok && !l.storing && l.generation == generation {
		l.states[stream] = h
	}
}

// moved stores the states of streams after a write.
func (l *writeQueue) moved(heads []drafted) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.storing = false
	l.generation++ // what was loaded meanwhile may be from before
	for _, h := range heads {
		if rootOf(h.stream) == l.root { // a write may go to several queues
			l.states[h.stream] = h.streamState
		}
	}
}

// invalidate drops the cached states after a write with unknown outcome.
func (l *writeQueue) invalidate() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.states)
	l.storing = false
	l.generation++
}

func (l *writeQueue) enqueue(r *request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue = append(l.queue, r)
}

// takeAll empties the queue.
func (l *writeQueue) takeAll() []*request {
	l.mu.Lock()
	defer l.mu.Unlock()
	taken := l.queue
	l.queue = nil
	return taken
}

// writeQueues caches the queues used last, in two generations: when the young one is
// full it becomes the old one, and queues of the old one are dropped unless they
// are in use, which a library's cache does not know.
type writeQueues struct {
	mu         sync.Mutex
	young, old map[string]*writeQueue
	weight     int // of the young ones: a queue counts once, and once more per KiB of its name
	limit      int
}

func newWriteQueues(limit int) *writeQueues {
	return &writeQueues{young: map[string]*writeQueue{}, limit: limit}
}

// enter returns the write queue of a root; call leave once.
func (l *writeQueues) enter(root string) *writeQueue {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := l.young[root]
	if of == nil {
		if of = l.old[root]; of == nil {
			of = newWriteQueue(root)
		} else {
			delete(l.old, root)
		}
		if l.weight >= l.limit {
			l.age()
		}
		l.weight += 1 + len(root)>>10
		l.young[root] = of
	}
	of.users++
	return of
}

func (l *writeQueues) leave(of *writeQueue) {
	l.mu.Lock()
	defer l.mu.Unlock()
	of.users--
}

// age makes room.
func (l *writeQueues) age() {
	left := l.old
	l.weight = 0
	l.old, l.young = l.young, make(map[string]*writeQueue, l.limit)
	for root, of := range left {
		if of.users > 0 {
			l.weight += 1 + len(root)>>10
			l.young[root] = of
		}
	}
}
