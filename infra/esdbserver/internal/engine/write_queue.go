package engine

import "sync"

// writeQueue is the one way on which a stream and its metastream are written. Who
// wants to append queues up; who holds the lane decides for all that wait, in
// order, and writes once:
//
//	append ─► queue ─► whoever gets hold first: take all, decide each, one write, answer each
//
// What is known of the streams is kept here while the lane is remembered.
type writeQueue struct {
	root string
	hold chan struct{} // holds one token while somebody decides

	mu         sync.Mutex
	queue      []*request
	states     map[string]streamState
	generation uint64 // moves when what is known is forgotten
	storing    bool   // a write is on its way: readers may see more of it in the log than is known here

	users int // guarded by lanes.mu
}

// streamState is where a stream is.
type streamState struct {
	last       int64 // number of the last event before a tombstone, -1 if there is none
	tombstoned bool
	metadata   *Metadata // of a metastream: what its last event says; nil if it has none
}

func newWriteQueue(root string) *writeQueue {
	return &writeQueue{root: root, hold: make(chan struct{}, 1), states: map[string]streamState{}}
}

// known returns what is remembered of a stream, and the generation to store
// under. While a write is on its way nothing is: whoever was woken by its event
// must find that, and the log is asked.
func (l *writeQueue) known(stream string) (h streamState, ok bool, generation uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.storing {
		return streamState{}, false, l.generation
	}
	h, ok = l.states[stream]
	return h, ok, l.generation
}

// store says that a write begins, whose end is moved or forget.
func (l *writeQueue) store() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.storing = true
}

// cache remembers what was loaded, unless something newer is known or all was
// forgotten meanwhile.
func (l *writeQueue) cache(stream string, h streamState, generation uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.states[stream]; !ok && !l.storing && l.generation == generation {
		l.states[stream] = h
	}
}

// moved remembers where streams are after a write.
func (l *writeQueue) moved(heads []drafted) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.storing = false
	l.generation++ // what was loaded meanwhile may be from before
	for _, h := range heads {
		if rootOf(h.stream) == l.root { // a write may go to several lanes
			l.states[h.stream] = h.streamState
		}
	}
}

// invalidate is for a write of which nobody knows what became of it.
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

// writeQueues remembers those used last, in two generations: when the young one is
// full it becomes the old one, and what was not used meanwhile is forgotten,
// unless somebody is in it.
type writeQueues struct {
	mu         sync.Mutex
	young, old map[string]*writeQueue
	weight     int // of the young ones: a lane counts once, and once more per KiB of its name
	limit      int
}

func newWriteQueues(limit int) *writeQueues {
	return &writeQueues{young: map[string]*writeQueue{}, limit: limit}
}

// enter returns the lane of a root; leave must be called once.
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
