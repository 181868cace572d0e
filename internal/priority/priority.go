// Package priority has a priority queue whose items can be moved and removed.
package priority

import "container/heap"

// Item is a place in a [Queue]. It stays the same while the queue changes around it.
type Item[T any] struct {
	Value T
	index int // in the heap; -1 when it has left
}

// Queue returns its items in the order of a function. It is not safe for
// concurrent use. Make one with [New].
type Queue[T any] struct{ items items[T] }

// New returns an empty queue; before reports whether a comes before b.
func New[T any](before func(a, b T) bool) *Queue[T] {
	return &Queue[T]{items[T]{before: before}}
}

// Len returns the number of items.
func (q *Queue[T]) Len() int { return len(q.items.list) }

// Push adds a value and returns its place.
func (q *Queue[T]) Push(v T) *Item[T] {
	item := &Item[T]{Value: v}
	heap.Push(&q.items, item)
	return item
}

// First returns the first value and leaves it in the queue; ok is false if there is none.
func (q *Queue[T]) First() (v T, ok bool) {
	if q.Len() == 0 {
		return v, false
	}
	return q.items.list[0].Value, true
}

// Pop removes the first value and returns it; ok is false if there is none.
func (q *Queue[T]) Pop() (v T, ok bool) {
	if q.Len() == 0 {
		return v, false
	}
	return heap.Pop(&q.items).(*Item[T]).Value, true //nolint:forcetypeassert // the heap holds nothing else
}

// Remove removes an item. It returns false if the item has left already.
func (q *Queue[T]) Remove(item *Item[T]) bool {
	if item.index < 0 {
		return false
	}
	heap.Remove(&q.items, item.index)
	return true
}

// Fix puts an item in its new place after its value has changed. An item that has
// left stays away.
func (q *Queue[T]) Fix(item *Item[T]) {
	if item.index >= 0 {
		heap.Fix(&q.items, item.index)
	}
}

// FixAll changes every value and then puts all items in their new places.
func (q *Queue[T]) FixAll(change func(*T)) {
	for _, item := range q.items.list {
		change(&item.Value)
	}
	heap.Init(&q.items)
}

// items implements heap.Interface.
type items[T any] struct {
	before func(a, b T) bool
	list   []*Item[T]
}

func (h *items[T]) Len() int           { return len(h.list) }
func (h *items[T]) Less(i, j int) bool { return h.before(h.list[i].Value, h.list[j].Value) }

func (h *items[T]) Swap(i, j int) {
	h.list[i], h.list[j] = h.list[j], h.list[i]
	h.list[i].index, h.list[j].index = i, j
}

// Push implements heap.Interface.
func (h *items[T]) Push(x any) {
	item := x.(*Item[T]) //nolint:forcetypeassert // only Queue.Push pushes
	item.index = len(h.list)
	h.list = append(h.list, item)
}

// Pop implements heap.Interface.
func (h *items[T]) Pop() any {
	n := len(h.list) - 1
	last := h.list[n]
	h.list[n] = nil // the array must not keep it alive
	h.list = h.list[:n]
	last.index = -1
	return last
}
