package bench

import (
	"context"
	"fmt"
	"sync"

	"orderflow/cmd/orderflow/internal/node"
	"orderflow/commands"
	"orderflow/domain/eventlog"
	"orderflow/domain/inventory"
)

// stockCopyEvents is how many events of the warehouse are appended together:
// one stream would otherwise hold up all that is stored.
const stockCopyEvents = 1_000

// What is copied goes past the commands; one now and then keeps the snapshot
// that a warehouse with such a history has.
const (
	touchEvents = 50_000 // at least, between two commands to the warehouse
	touchShare  = 4      // and a quarter of its history: reading that has a time limit
)

// stockCopier appends to the one stream of the warehouse.
type stockCopier struct {
	log     eventlog.Store
	bus     commands.Bus
	touched eventlog.Version // when the last command was sent
	stream  eventlog.Stream
	mu      sync.Mutex
	version eventlog.Version
	waiting []eventlog.Pending
}

// newStockCopier goes on after the last of the events.
func newStockCopier(app *node.App, events []eventlog.Recorded) *stockCopier {
	c := &stockCopier{log: app.Log, bus: app.Bus}
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
	if err := c.write(ctx); err != nil || c.version-c.touched < max(touchEvents, c.version/touchShare) {
		return err
	}
	return c.touch(ctx)
}

func (c *stockCopier) flush(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) > 0 {
		if err := c.write(ctx); err != nil {
			return err
		}
	}
	return c.touch(ctx)
}

// touch sends the warehouse a command, which reads what was copied.
func (c *stockCopier) touch(ctx context.Context) error {
	r, err := c.bus.Send(ctx, commands.ReceiveStock{
		Receipt: fmt.Sprint("bench-at-", c.version), Units: []inventory.Units{{SKU: SKU(0), Quantity: 1}},
	})
	c.version, c.touched = r.Version, r.Version
	return err
}

func (c *stockCopier) write(ctx context.Context) error {
	at, err := c.log.Append(ctx, c.stream, c.version, c.waiting...)
	if err != nil {
		return err
	}
	c.version, c.waiting = at.Version, c.waiting[:0]
	return nil
}
