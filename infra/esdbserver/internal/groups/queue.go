package groups

import (
	"cmp"
	"slices"
)

// queue holds events that wait for a client, in order.
type queue struct {
	items []*item
	head  int // items before it were taken
}

func (q *queue) len() int { return len(q.items) - q.head }

func (q *queue) push(i *item) {
	if q.head > len(q.items)/2 { // most of it was taken: use that room again
		rest := copy(q.items, q.items[q.head:])
		clear(q.items[rest:])
		q.items, q.head = q.items[:rest], 0
	}
	q.items = append(q.items, i)
}

// insert adds events at their places.
func (q *queue) insert(items ...*item) {
	sorted := true
	for _, i := range items {
		sorted = sorted && (q.len() == 0 || byOrder(q.items[len(q.items)-1], i) <= 0)
		q.push(i)
	}
	if !sorted {
		slices.SortStableFunc(q.items[q.head:], byOrder)
	}
}

// take offers the events in order until offer says that it is enough. Those
// that are taken leave the queue; the others keep their order. What is taken
// from the front costs nothing more, so that the usual case is cheap however
// much waits.
func (q *queue) take(offer func(*item) (taken, enough bool)) (enough bool) {
	kept, at := q.head, q.head
	for at < len(q.items) && !enough {
		var taken bool
		i := q.items[at]
		if taken, enough = offer(i); !taken && enough {
			break
		}
		at++
		switch {
		case taken && kept == q.head && at == q.head+1:
			q.items[q.head] = nil
			q.head, kept = at, at
		case !taken:
			q.items[kept] = i
			kept++
		}
	}
	if kept < at {
		rest := copy(q.items[kept:], q.items[at:])
		clear(q.items[kept+rest:])
		q.items = q.items[:kept+rest]
	}
	return enough
}

// byOrder puts what was parked behind what the source holds, and each of them
// into their own order: an entry of the parked stream has no place that could
// be compared to those of the source.
func byOrder(a, b *item) int {
	if a.replayed() != b.replayed() {
		if b.replayed() {
			return -1
		}
		return 1
	}
	if a.replayed() {
		return cmp.Compare(a.entry, b.entry)
	}
	return cmp.Compare(a.event.Place, b.event.Place)
}
