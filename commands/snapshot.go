package commands

import (
	"context"
	"encoding/json"
	"sync"

	"orderflow/domain/eventlog"
)

// snapshotting keeps the folded state of long streams, as JSON.
type snapshotting[S any] struct {
	store   eventlog.Snapshots
	schema  string // names the fold: another fold ignores the snapshot
	writing sync.WaitGroup

	mu    sync.Mutex
	saved map[eventlog.Stream]eventlog.Version
}

// KeepSnapshots makes a load the newest snapshot and what came after it. The
// schema names the fold and must change with it. It returns a.
func (a *Aggregate[S, E]) KeepSnapshots(store eventlog.Snapshots, schema string) *Aggregate[S, E] {
	a.keep = &snapshotting[S]{store: store, schema: schema, saved: map[eventlog.Stream]eventlog.Version{}}
	return a
}

// restore begins with a snapshot if there is one that fits; every failure only
// costs the longer read.
func (a *Aggregate[S, E]) restore(ctx context.Context, c *cell[S, E]) {
	if a.keep == nil {
		return
	}
	at, data, ok, err := a.keep.store.LoadSnapshot(ctx, c.stream, a.keep.schema)
	if err != nil || !ok {
		return
	}
	var s S
	if json.Unmarshal(data, &s) != nil {
		return
	}
	c.state, c.at = s, eventlog.Appended{Version: at}
	a.keep.mu.Lock()
	defer a.keep.mu.Unlock()
	a.keep.saved[c.stream] = at
}

// snapshot writes the state in the background once the stream has grown enough.
func (a *Aggregate[S, E]) snapshot(c *cell[S, E]) {
	k := a.keep
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if c.at.Version-k.saved[c.stream] < SnapshotEvery {
		return
	}
	k.saved[c.stream] = c.at.Version
	state, at := a.decider.Copy(c.state), c.at.Version
	k.writing.Go(func() {
		data, err := json.Marshal(state)
		if err != nil {
			return // a cache: the next one may fit
		}
		_ = k.store.SaveSnapshot(context.Background(), c.stream, k.schema, at, data) // a cache: losing it costs a longer read
	})
}
