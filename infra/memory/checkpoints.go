package memory

import (
	"context"
	"sync"

	"orderflow/domain/eventlog"
)

// Checkpoints remembers how far the sagas have read, by name, until the
// process ends. The zero value is ready.
type Checkpoints struct {
	mu sync.Mutex
	at map[string]eventlog.Position
}

// LoadCheckpoint returns the position last saved under a name, 0 if there is none.
func (c *Checkpoints) LoadCheckpoint(_ context.Context, name string) (eventlog.Position, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at[name], nil
}

// SaveCheckpoint replaces the position of a name.
func (c *Checkpoints) SaveCheckpoint(_ context.Context, name string, at eventlog.Position) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at == nil {
		c.at = map[string]eventlog.Position{}
	}
	c.at[name] = at
	return nil
}
