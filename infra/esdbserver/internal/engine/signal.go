package engine

import (
	"sync"

	"orderflow/internal/broadcast"
)

// What a topic keeps of its stream for those that follow it.
const (
	recentEvents = 256
	recentBytes  = 256 << 10
)

// topic wakes those that wait for something to be appended. That of a stream
// keeps the newest events as well, so that many followers read the log once.
type topic struct {
	grown   broadcast.Signal // sent at every growth
	waiters int              // that hold a topic of topics

	reading sync.Mutex
	recent  []*Event // numbers without gaps; shared with readers, only ever appended to
	bytes   int
}

// after returns events that follow a number, one at least: those kept, or what
// load reads.
func (t *topic) after(number int64, load func() ([]*Event, error)) ([]*Event, error) {
	t.reading.Lock()
	defer t.reading.Unlock()
	if n := len(t.recent); n > 0 {
		first, last := t.recent[0].Number, t.recent[n-1].Number
		if first <= number+1 && number < last {
			return t.recent[number+1-first:], nil
		}
		if number < first-1 {
			return load() // too far behind to share with the others
		}
		if number > last {
			t.recent, t.bytes = nil, 0
		}
	}
	events, err := load()
	for _, e := range events {
		t.recent = append(t.recent, e)
		t.bytes += len(e.Data) + len(e.Metadata)
	}
	for len(t.recent) > 0 && (len(t.recent) > recentEvents || t.bytes > recentBytes) {
		t.bytes -= len(t.recent[0].Data) + len(t.recent[0].Metadata)
		t.recent = t.recent[1:] // readers may hold what is dropped
	}
	return events, err
}

func newTopic() *topic { return &topic{} }

// wait returns a channel that is closed at the next growth. To miss none, ask before looking.
func (t *topic) wait() <-chan struct{} { return t.grown.Wait() }

// grew wakes all who wait.
func (t *topic) grew() { t.grown.Send() }

// topics are those of single streams; one exists while the stream has a subscription.
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
