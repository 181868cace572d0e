// Package pause waits for a time that may be cut short.
package pause

import (
	"context"
	"time"
)

// For waits for d, or less if ctx ends. It returns ctx.Err(), which is nil if the wait
// was not cut short.
func For(ctx context.Context, d time.Duration) error {
	Or(d, nil, ctx.Done())
	return ctx.Err()
}

// Until waits for d, or less if something comes from early or early is closed. It
// returns false if ctx is done. A nil early does not end the wait.
func Until(ctx context.Context, d time.Duration, early <-chan struct{}) bool {
	Or(d, early, ctx.Done())
	return ctx.Err() == nil
}

// Or is Until with a channel in the place of a context: it returns false if done
// ended the wait.
func Or(d time.Duration, early, done <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-early:
	case <-done:
		return false
	}
	return true
}
