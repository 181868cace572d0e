package memory

import (
	"context"
	"slices"

	"orderflow/domain/eventlog"
)

type snapshot struct {
	schema string
	at     eventlog.Version
	state  []byte
}

// LoadSnapshot implements eventlog.Snapshots.
func (l *Log) LoadSnapshot(_ context.Context, s eventlog.Stream, schema string) (eventlog.Version, []byte, bool, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	saved, ok := l.snapshots[s]
	if !ok || saved.schema != schema {
		return 0, nil, false, nil
	}
	return saved.at, slices.Clone(saved.state), true, nil
}

// SaveSnapshot implements eventlog.Snapshots.
func (l *Log) SaveSnapshot(_ context.Context, s eventlog.Stream, schema string, at eventlog.Version, state []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.snapshots[s] = snapshot{schema, at, slices.Clone(state)}
	return nil
}
