package pebblelog

import (
	"errors"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// headCache remembers the versions of the streams used last, in two generations:
// when the young one is full it becomes the old one, and what was not used
// meanwhile is forgotten. Hints rely on the generations, so it is no library's cache:
// what was put within one cannot have been evicted. The writer puts what it appends; readers only add
// that a stream does not exist.
type headCache struct {
	mu         sync.Mutex
	young, old map[eventlog.Stream]eventlog.Version
	generation int
	weight     int // of the young one: a stream counts once, and once more per KiB of its name
	limit      int // of the weight of one generation
}

func newHeadCache(limit int) *headCache {
	return &headCache{young: map[eventlog.Stream]eventlog.Version{}, limit: limit}
}

// get returns the version of s, if it is known, and the generation of now.
func (h *headCache) get(s eventlog.Stream) (v eventlog.Version, known bool, generation int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if v, known = h.young[s]; !known {
		v, known = h.old[s]
	}
	return v, known, h.generation
}

func (h *headCache) put(s eventlog.Stream, v eventlog.Version) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.insert(s, v)
}

// absent notes that s was not in the database, looked up after get gave out
// generation, unless it may have been appended to since: that would still be here.
func (h *headCache) absent(s eventlog.Stream, generation int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, known := h.young[s]; !known && h.generation == generation {
		h.insert(s, 0)
	}
}

func (h *headCache) insert(s eventlog.Stream, v eventlog.Version) {
	if h.weight >= h.limit {
		h.old, h.young = h.young, make(map[eventlog.Stream]eventlog.Version, h.limit)
		h.weight = 0
		h.generation++
	}
	if _, known := h.young[s]; !known {
		h.weight += 1 + len(s)>>10
	}
	h.young[s] = v
}

// hint is a version that the caller of Append looked up in the database, so
// that the one writer need not. The writer may rely on it while the cache does
// not know the stream and the generation is the same: whatever was appended
// since the look-up would still be in the cache.
type hint struct {
	version    eventlog.Version
	generation int
	valid      bool
}

// lookUp is for the caller of Append; expected is where it expects s.
func (l *Log) lookUp(s eventlog.Stream, expected eventlog.Version) (h hint, err error) {
	_, known, generation := l.heads.get(s) // before the look-up
	if known {
		return hint{}, nil
	}
	err = l.reading(func() error {
		v, err := l.storedHead(s, expected)
		h = hint{v, generation, err == nil}
		return err
	})
	return h, err
}

// nothingAbove reports whether a reader of s need not look for events above a
// version: there are none. A new stream is mostly read before it is appended
// to, and then the append finds here what the reader learned.
func (l *Log) nothingAbove(s eventlog.Stream, version eventlog.Version) (bool, error) {
	v, known, generation := l.heads.get(s) // before the look-up
	if known || version > 0 {
		return known && v <= version, nil
	}
	exists, err := l.exists(s)
	if err == nil && !exists {
		l.heads.absent(s, generation)
	}
	return !exists, err
}

// exists reports whether s has an event in the database; for a new stream mostly
// the filters alone tell.
func (l *Log) exists(s eventlog.Stream) (bool, error) {
	it, err := l.db.NewIter(&pebble.IterOptions{UseL6Filters: true})
	if err != nil {
		return false, unreadable(s, err)
	}
	found := it.SeekPrefixGE(streamKey(s, 1))
	return found, unreadable(s, errors.Join(it.Error(), it.Close()))
}

// head is for the writer: the version of the stream of p.
func (l *Log) head(p *part) (eventlog.Version, error) {
	v, known, generation := l.heads.get(p.stream)
	if !known {
		v = p.hint.version
		if !p.hint.valid || p.hint.generation != generation {
			var err error
			if v, err = l.storedHead(p.stream, p.version); err != nil {
				return 0, err
			}
		}
	}
	if !known || v != p.version { // what is appended to is put in any case
		l.heads.put(p.stream, v)
	}
	return v, nil
}

// storedHead returns the version of s in the database. If s is where the
// append expects it, two look-ups tell, and for a new stream mostly the
// filters alone.
func (l *Log) storedHead(s eventlog.Stream, expected eventlog.Version) (v eventlog.Version, err error) {
	it, err := l.db.NewIter(&pebble.IterOptions{UseL6Filters: true})
	if err != nil {
		return 0, unreadable(s, err)
	}
	beyond := it.SeekPrefixGE(streamKey(s, expected+1))
	if expected == 1 && !beyond { // the first entry stays when what follows it is scavenged
		if beyond, err = l.wasScavenged(s); err != nil {
			return 0, unreadable(s, errors.Join(err, it.Close()))
		}
	}
	if !beyond && it.Error() == nil && (expected == 0 || it.SeekPrefixGE(streamKey(s, expected))) {
		return expected, unreadable(s, errors.Join(it.Error(), it.Close()))
	}
	it.SetBounds(streamKey(s, 0), streamKey(s, -1))
	if it.Last() {
		last, _ := lastNumber(it.Key())
		v = eventlog.Version(last)
	}
	return v, unreadable(s, errors.Join(it.Error(), it.Close()))
}

func unreadable(s eventlog.Stream, err error) error {
	if err == nil {
		return nil
	}
	return domain.Wrap(domain.Internal, err, "The version of %s cannot be read", s)
}
