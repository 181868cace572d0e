package kafka

import (
	"context"
	"sync"
)

// partitionOrder keeps the handlers of one partition in order although Watermill's
// router gives each message its own goroutine. Each message has one, linked to
// that of the message before.
type partitionOrder struct {
	before <-chan struct{} // closed when the message before released this one
	passed chan struct{}
	once   sync.Once
}

func newPartitionOrder(before <-chan struct{}) *partitionOrder {
	return &partitionOrder{before: before, passed: make(chan struct{})}
}

// release lets the next message begin.
func (t *partitionOrder) release() { t.once.Do(func() { close(t.passed) }) }

// wait returns once the message before has released this one, or ctx is done.
func (t *partitionOrder) wait(ctx context.Context) error {
	select {
	case <-t.before:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

type partitionOrderKey struct{}

func withPartitionOrder(ctx context.Context, t *partitionOrder) context.Context {
	return context.WithValue(ctx, partitionOrderKey{}, t)
}

// ReleaseNext lets the next message of the partition begin now. Without the call
// it begins when the handler of this one returns.
func ReleaseNext(ctx context.Context) {
	if t, ok := ctx.Value(partitionOrderKey{}).(*partitionOrder); ok {
		t.release()
	}
}
