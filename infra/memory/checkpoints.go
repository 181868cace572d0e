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
	at map[string]eventlog.Checkpoint
}

// LoadCheckpoint returns the checkpoint last saved under a name, zero if there is nothing.
func (c *Checkpoints) LoadCheckpoint(_ context.Context, name string) (eventlog.Checkpoint, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at[name], nil
}

// SaveCheckpoint replaces the checkpoint saved under a name.
func (c *Checkpoints) SaveCheckpoint(_ context.Context, name string, at eventlog.Checkpoint) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at == nil {
		c.at = map[string]eventlog.Checkpoint{}
	}
	c.at[name] = at
	return nil
}
