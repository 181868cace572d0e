package pause_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"orderflow/internal/pause"
)

func TestFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		if err := pause.For(t.Context(), time.Minute); err != nil || time.Since(begun) != time.Minute {
			t.Errorf("For returned %v after %s", err, time.Since(begun))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun = time.Now()
		if err := pause.For(ctx, time.Minute); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != time.Second {
			t.Errorf("For returned %v after %s, and its context ended after a second", err, time.Since(begun))
		}
	})
}

func TestUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		early := make(chan struct{})
		time.AfterFunc(time.Second, func() { close(early) })
		begun := time.Now()
		if !pause.Until(t.Context(), time.Minute, early) || time.Since(begun) != time.Second {
			t.Errorf("the wait was not ended early: it took %s", time.Since(begun))
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for range 100 { // both ends of the wait are there: chance must not choose
			if pause.Until(ctx, 0, early) || pause.For(ctx, 0) == nil {
				t.Fatal("a wait whose context was done reports that it was not cut short")
			}
		}
	})
}

func TestOr(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closed := make(chan struct{})
		close(closed)
		begun := time.Now()
		if pause.Or(time.Minute, nil, closed) || !pause.Or(time.Minute, closed, nil) || time.Since(begun) != 0 {
			t.Error("a closed channel did not end the wait, or ended it with the wrong answer")
		}
		if !pause.Or(time.Minute, nil, nil) || time.Since(begun) != time.Minute {
			t.Errorf("the wait took %s", time.Since(begun))
		}
	})
}
