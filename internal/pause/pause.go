// Package pause waits for a time that may be cut short.
package pause

import (
	"context"
	"time"
)

// For waits for d. It returns nil, or ctx.Err() as soon as ctx is done.
func For(ctx context.Context, d time.Duration) error {
	if Until(ctx, d, nil) {
		return nil
	}
	return ctx.Err()
}

// Until waits for d, or less if early is closed or receives. It returns false if ctx
// is done first. A nil early never ends the wait.
func Until(ctx context.Context, d time.Duration, early <-chan struct{}) bool {
	return Or(d, early, ctx.Done())
}

// Or is Until with a channel in the place of a context: it returns false if done is
// closed first.
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
