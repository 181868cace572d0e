package pebblelog

import "orderflow/domain/eventlog"

// heads remembers the versions of the streams used last, in two generations:
// when the young one is full it becomes the old one, and what was not used
// meanwhile is forgotten. It belongs to the writer and takes no lock.
type heads struct {
	young, old map[eventlog.Stream]eventlog.Version
	limit      int // of one generation, in streams
}

func newHeads(limit int) *heads {
	return &heads{young: map[eventlog.Stream]eventlog.Version{}, limit: limit}
}

func (h *heads) get(s eventlog.Stream) (eventlog.Version, bool) {
	if v, ok := h.young[s]; ok {
		return v, true
	}
	v, ok := h.old[s]
	if ok {
		h.put(s, v)
	}
	return v, ok
}

func (h *heads) put(s eventlog.Stream, v eventlog.Version) {
	if len(h.young) >= h.limit {
		h.old, h.young = h.young, make(map[eventlog.Stream]eventlog.Version, h.limit)
	}
	h.young[s] = v
}
