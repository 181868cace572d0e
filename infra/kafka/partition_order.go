package kafka

import (
	"context"
	"sync"
)

// partitionOrder keeps the order of a partition where each message has a goroutine of its
// own, as Watermill's router gives it one.
type partitionOrder struct {
	before <-chan struct{} // closed when the message before has let this one begin; nil: at once
	passed chan struct{}
	once   sync.Once
}

func newPartitionOrder(before <-chan struct{}) *partitionOrder {
	return &partitionOrder{before: before, passed: make(chan struct{})}
}

// release lets the next message begin.
func (t *partitionOrder) release() { t.once.Do(func() { close(t.passed) }) }

// wait waits for the turn.
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

// ReleaseNext lets the next message of the partition begin before the handler of
// this one has returned; else the return does.
func ReleaseNext(ctx context.Context) {
	if t, ok := ctx.Value(partitionOrderKey{}).(*partitionOrder); ok {
		t.release()
	}
}
