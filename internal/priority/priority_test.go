package priority_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"orderflow/internal/priority"
)

// TestQueue compares a queue with a sorted list.
func TestQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := priority.New(func(a, b int) bool { return a < b })
		var have, gone []*priority.Item[int]
		leave := func(i int) {
			gone = append(gone, have[i])
			have = slices.Delete(have, i, i+1)
		}
		first := func() int { // the index of the smallest
			at := 0
			for i, item := range have {
				if item.Value < have[at].Value {
					at = i
				}
			}
			return at
		}
		next := 0 // a fresh multiple of 1000 makes values distinct
		value := func() int { next++; return rapid.IntRange(0, 50).Draw(t, "value")*1_000 + next }
		pick := func(l []*priority.Item[int]) int { return rapid.IntRange(0, len(l)-1).Draw(t, "which") }
		t.Repeat(map[string]func(*rapid.T){
			"push": func(*rapid.T) { have = append(have, q.Push(value())) },
			"pop": func(t *rapid.T) {
				v, ok := q.Pop()
				if ok != (len(have) > 0) {
					t.Fatalf("Pop said %v with %d items", ok, len(have))
				}
				if ok {
					if i := first(); have[i].Value != v {
						t.Fatalf("Pop returned %d, and %d is smaller", v, have[i].Value)
					} else {
						leave(i)
					}
				}
			},
			"remove": func(t *rapid.T) {
				if len(have) > 0 {
					i := pick(have)
					if !q.Remove(have[i]) {
						t.Fatal("an item in the queue was not removed")
					}
					leave(i)
				}
			},
			"remove or fix what has left": func(t *rapid.T) {
				if len(gone) > 0 {
					item := gone[pick(gone)]
					if q.Fix(item); q.Remove(item) {
						t.Fatal("an item left twice")
					}
				}
			},
			"fix": func(*rapid.T) {
				if len(have) > 0 {
					i := pick(have)
					have[i].Value = value()
					q.Fix(have[i])
				}
			},
			"fix all": func(*rapid.T) { q.FixAll(func(v *int) { *v = -*v }) },
			"": func(t *rapid.T) {
				v, ok := q.First()
				if ok != (len(have) > 0) || q.Len() != len(have) || ok && have[first()].Value != v {
					t.Fatalf("First is %d, %v; Len is %d of %d", v, ok, q.Len(), len(have))
				}
			},
		})
	})
}
