package main

import (
	"context"
	"sync"

	"orderflow/domain/eventlog"
	"orderflow/domain/inventory"
)

// stockCopyEvents is how many events of the warehouse are appended together:
// one stream would otherwise hold up all that is stored.
const stockCopyEvents = 1_000

// stockCopier appends to the one stream of the warehouse.
type stockCopier struct {
	log     eventlog.Store
	stream  eventlog.Stream
	mu      sync.Mutex
	version eventlog.Version
	waiting []eventlog.Pending
}

// newStockCopier goes on after the last of the events.
func newStockCopier(log eventlog.Store, events []eventlog.Recorded) *stockCopier {
	c := &stockCopier{log: log}
	for _, r := range events {
		if r.Stream.Category() == inventory.Category {
			c.stream, c.version = r.Stream, r.Version
		}
	}
	return c
}

func (c *stockCopier) add(ctx context.Context, p eventlog.Pending) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = append(c.waiting, p)
	if len(c.waiting) < stockCopyEvents {
		return nil
	}
	return c.write(ctx)
}

func (c *stockCopier) flush(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) == 0 {
		return nil
	}
	return c.write(ctx)
}

func (c *stockCopier) write(ctx context.Context) error {
	at, err := c.log.Append(ctx, c.stream, c.version, c.waiting...)
	if err != nil {
		return err
	}
	c.version, c.waiting = at.Version, c.waiting[:0]
	return nil
}
