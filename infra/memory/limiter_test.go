package memory_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"orderflow/commands/commandstest"
	"orderflow/domain"
	"orderflow/infra/memory"
)

// clock moves only when told to.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func TestLimiter(t *testing.T) {
	commandstest.RunLimiter(t, func(*testing.T) commandstest.Limiters {
		c := newClock()
		l := memory.NewLimiter(c.now)
		return commandstest.Limiters{Ours: l, Theirs: l, Now: c.now, Advance: c.advance}
	})
}

// TestLimiterForgetsOnlyIdleKeys fills it to the brim.
func TestLimiterForgetsOnlyIdleKeys(t *testing.T) {
	c := newClock()
	l := memory.NewLimiter(c.now)
	if _, err := l.Take(t.Context(), "long", 1, time.Hour); err != nil {
		t.Fatal(err)
	}
	for i := range memory.MaxLimiterKeys - 1 {
		if _, err := l.Take(t.Context(), fmt.Sprint(i), 1, time.Second); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.Take(t.Context(), "one more", 1, time.Second); domain.KindOf(err) != domain.Unavailable {
		t.Errorf("one key more than there is room for: %v, not Unavailable", err)
	}
	if a, err := l.Take(t.Context(), "7", 1, time.Second); err != nil || a.OK {
		t.Errorf("a busy key was forgotten: %+v, %v", a, err)
	}
	c.advance(time.Second / 2)
	if a, err := l.Take(t.Context(), fmt.Sprint(memory.MaxLimiterKeys-2), 2, time.Second); err != nil || !a.OK { // the newest one
		t.Fatalf("the second of two: %+v, %v", a, err)
	}
	c.advance(time.Second / 2)
	for i := range 1_000 {
		if a, err := l.Take(t.Context(), fmt.Sprint("new", i), 1, time.Second); err != nil || !a.OK {
			t.Fatalf("idle keys make no room: %+v, %v", a, err)
		}
	}
	if a, err := l.Take(t.Context(), "long", 1, time.Hour); err != nil || a.OK {
		t.Errorf("a key with a long window was forgotten: %+v, %v", a, err)
	}
}

func BenchmarkLimiter(b *testing.B) {
	l := memory.NewLimiter(nil)
	for b.Loop() {
		if _, err := l.Take(b.Context(), "k", 1_000, time.Second); err != nil {
			b.Fatal(err)
		}
	}
}
