package aggregate

import (
	"context"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// Snapshotting says where and how states of long streams are kept. A snapshot
// is a cache: one that is lost, of another schema, unreadable or of another
// history is not used.
type Snapshotting[S any] struct {
	Store  eventlog.Snapshots
	Schema string // names the fold and the encoding; change it with either
	Encode func(S) ([]byte, error)
	Decode func([]byte) (S, error)
	Every  eventlog.Version // events between two snapshots; 0 means SnapshotEvery
}

const (
	// SnapshotEvery is how many events of a stream are between two snapshots, at least.
	SnapshotEvery = 10_000
	// snapshotShare lets snapshots of long streams be further apart, so that
	// writing them stays a fixed share of the work.
	snapshotShare = 8
	// snapshotTimeout bounds saving one snapshot.
	snapshotTimeout = time.Minute
)

// readWhole reads the stream into the committed state, from a snapshot if there is
// one. It resumes where the last read timed out, so a stream that takes longer
// than BatchTimeout is read in several batches.
func (a *Aggregate[S, E]) readWhole(ctx context.Context, c *cacheEntry[S, E]) error {
	if !c.partial {
		c.invalidate()
		c.updateCommitted(func(h *committedState[S]) { h.state = a.decider.Initial })
		if err := a.readSnapshot(ctx, c); err != nil {
			return err
		}
	}
	c.partial = true
	if _, err := a.readTail(ctx, c); err != nil {
		if domain.KindOf(err) != domain.Unavailable {
			c.invalidate()
		}
		return err
	}
	c.partial = false
	a.maybeSnapshot(c)
	return nil
}

// readTail folds the events above the committed version and returns their number.
// Events that were read before an error are kept, unless the stream lacks events:
// then the entry is invalidated.
func (a *Aggregate[S, E]) readTail(ctx context.Context, c *cacheEntry[S, E]) (n int, err error) {
	a.stats.reads.Add(1)
	for r, err := range a.store.Read(ctx, c.stream, c.committed.version) {
		if err != nil {
			if domain.KindOf(err) == domain.Incomplete {
				c.invalidate()
			}
			return n, withKind(err, domain.Unavailable, "The log cannot be read now; try again later")
		}
		if err := a.advance(c, r); err != nil {
			return n, err
		}
		n++
	}
	c.updateCommitted(func(h *committedState[S]) { h.known, h.verified, h.readAt = true, true, time.Now() })
	return n, nil
}

func (a *Aggregate[S, E]) advance(c *cacheEntry[S, E], r eventlog.Recorded) error {
	e, ok, err := a.codec.Decode(r)
	if err != nil {
		return err
	}
	c.weight += len(r.Data)
	c.updateCommitted(func(h *committedState[S]) {
		if ok {
			h.state = a.decider.Evolve(h.state, e)
		}
		h.version, h.position, h.last = r.Version, r.Position, r.ID
	})
	switch {
	case !ok || !c.hasUncommitted:
	case a.decider.Clone == nil:
		c.uncommitted = c.committed.state
	default:
		c.uncommitted = a.decider.Evolve(c.uncommitted, e)
	}
	return nil
}

// readSnapshot loads a snapshot into the committed state. The snapshot must name the
// event that the stream has at its version; otherwise it is not used. So a stream
// that lacks events below the snapshot's version can still be read, and a stream
// that lacks later ones is Incomplete.
func (a *Aggregate[S, E]) readSnapshot(ctx context.Context, c *cacheEntry[S, E]) error {
	s := a.opts.Snapshots
	if s == nil {
		return nil
	}
	at, blob, ok, err := s.Store.LoadSnapshot(ctx, c.stream, s.Schema)
	if err != nil || !ok || at < 1 || len(blob) < len(eventlog.EventID{}) {
		return nil //nolint:nilerr // a cache that fails is a cache that is empty
	}
	last := eventlog.EventID(blob)
	for r, err := range a.store.Read(ctx, c.stream, at-1) {
		if err != nil {
			return withKind(err, domain.Unavailable, "The log cannot be read now; try again later")
		}
		if r.Version != at || r.ID != last {
			return nil
		}
		state, err := s.Decode(blob[len(last):])
		if err != nil {
			return nil //nolint:nilerr // as above
		}
		c.weight, c.snapshotAt = len(blob), at
		c.updateCommitted(func(h *committedState[S]) { h.state, h.version, h.position, h.last = state, at, r.Position, r.ID })
		a.stats.restored.Add(1)
		return nil
	}
	return nil
}

// maybeSnapshot saves the committed state in the background if enough events were
// added since the last snapshot.
func (a *Aggregate[S, E]) maybeSnapshot(c *cacheEntry[S, E]) {
	s := a.opts.Snapshots
	if s == nil {
		return
	}
	every := s.Every
	if every == 0 {
		every = SnapshotEvery
	}
	if c.committed.version-c.snapshotAt < max(every, c.committed.version/snapshotShare) {
		return
	}
	c.snapshotAt = c.committed.version
	state, at, last, stream := a.decider.Copy(c.committed.state), c.committed.version, c.committed.last, c.stream
	a.cache.inUse.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), snapshotTimeout)
		defer cancel()
		data, err := s.Encode(state)
		if err == nil {
			err = s.Store.SaveSnapshot(ctx, stream, s.Schema, at, append(last[:], data...))
		}
		if err != nil {
			a.stats.unsaved.Add(1)
			return
		}
		a.stats.saved.Add(1)
	})
}
