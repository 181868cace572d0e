package engine

import (
	"strings"
	"testing"
)

// TestLanesWeighNames says that lanes of long names are forgotten sooner.
func TestLanesWeighNames(t *testing.T) {
	l := newWriteQueues(100)
	for i := range 50 {
		l.leave(l.enter(strings.Repeat("n", 10<<10) + string(rune('a'+i))))
	}
	if n := len(l.young) + len(l.old); n > 20 {
		t.Errorf("%d lanes of 10 KiB are remembered where 100 KiB are, twice", n)
	}
	l = newWriteQueues(100)
	for range 1_000 {
		l.leave(l.enter("the same"))
	}
	if l.old != nil {
		t.Error("one lane filled the memory")
	}
}
