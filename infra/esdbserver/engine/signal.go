package engine

import "sync"

// topic wakes those that wait for something to be appended.
type topic struct {
	mu      sync.Mutex
	grown   chan struct{} // closed and replaced at every growth; nil while nobody waits
	waiters int           // that hold a topic of topics
}

func newTopic() *topic { return &topic{} }

// wait returns what is closed at the next growth. To miss none, ask before looking.
func (t *topic) wait() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.grown == nil {
		t.grown = make(chan struct{})
	}
	return t.grown
}

// grew wakes everybody.
func (t *topic) grew() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.grown != nil {
		close(t.grown)
		t.grown = nil
	}
}

// topics are those of single streams; one exists while somebody follows the stream.
type topics struct {
	mu     sync.RWMutex
	byName map[string]*topic
}

func newTopics() *topics { return &topics{byName: map[string]*topic{}} }

// follow returns the topic of a stream; leave must be called once.
func (t *topics) follow(stream string) (of *topic, leave func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	of = t.byName[stream]
	if of == nil {
		of = newTopic()
		t.byName[stream] = of
	}
	of.waiters++
	return of, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if of.waiters--; of.waiters == 0 {
			delete(t.byName, stream)
		}
	}
}

// grew wakes those that follow a stream.
func (t *topics) grew(stream string) {
	t.mu.RLock()
	of := t.byName[stream]
	t.mu.RUnlock()
	if of != nil {
		of.grew()
	}
}
