package kafka

import (
	"context"
	"sync"
)

// turn keeps the order of a partition where each message has a goroutine of its
// own, as Watermill's router gives it one.
type turn struct {
	before <-chan struct{} // closed when the message before has let this one begin; nil: at once
	passed chan struct{}
	once   sync.Once
}

func newTurn(before <-chan struct{}) *turn { return &turn{before: before, passed: make(chan struct{})} }

// pass lets the next message begin.
func (t *turn) pass() { t.once.Do(func() { close(t.passed) }) }

// mine waits for the turn.
func (t *turn) mine(ctx context.Context) error {
	select {
	case <-t.before:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

type turnKey struct{}

func withTurn(ctx context.Context, t *turn) context.Context {
	return context.WithValue(ctx, turnKey{}, t)
}

// PassTurn lets the next message of the partition begin before the handler of
// this one has returned; else the return does.
func PassTurn(ctx context.Context) {
	if t, ok := ctx.Value(turnKey{}).(*turn); ok {
		t.pass()
	}
}
