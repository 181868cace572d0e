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

// readWhole makes the head of a cell known. Where it broke off the last time,
// it goes on: a stream that takes longer to read than one round may last is
// read in several.
func (a *Aggregate[S, E]) readWhole(ctx context.Context, c *cell[S, E]) error {
	if !c.half {
		c.forget()
		c.set(func(h *head[S]) { h.state = a.decider.Initial })
		if err := a.readSnapshot(ctx, c); err != nil {
			return err
		}
	}
	c.half = true
	if _, err := a.readTail(ctx, c); err != nil {
		if domain.KindOf(err) != domain.Unavailable {
			c.forget()
		}
		return err
	}
	c.half = false
	a.maybeSnapshot(c)
	return nil
}

// readTail folds what follows the head and says how many events that were.
// What was read before an error stays, unless the stream lacks events: then
// nothing is known of it any more.
func (a *Aggregate[S, E]) readTail(ctx context.Context, c *cell[S, E]) (n int, err error) {
	a.stats.reads.Add(1)
	for r, err := range a.store.Read(ctx, c.stream, c.head.version) {
		if err != nil {
			if domain.KindOf(err) == domain.Incomplete {
				c.forget()
			}
			return n, kinded(err, domain.Unavailable, "The log cannot be read now; try again later.")
		}
		if err := a.advance(c, r); err != nil {
			return n, err
		}
		n++
	}
	c.set(func(h *head[S]) { h.known, h.proved, h.readAt = true, true, time.Now() })
	return n, nil
}

func (a *Aggregate[S, E]) advance(c *cell[S, E], r eventlog.Recorded) error {
	e, ok, err := a.codec.Decode(r)
	if err != nil {
		return err
	}
	c.weight += len(r.Data)
	c.set(func(h *head[S]) {
		if ok {
			h.state = a.decider.Evolve(h.state, e)
		}
		h.version, h.position, h.last = r.Version, r.Position, r.ID
	})
	switch {
	case !ok || !c.drafted:
	case a.decider.Clone == nil:
		c.draft = c.head.state
	default:
		c.draft = a.decider.Evolve(c.draft, e)
	}
	return nil
}

// readSnapshot starts the head from a snapshot, if there is one that fits:
// its last event must be where the stream has it. So a stream that lacks events
// before that one is still known from its snapshot, and one that lacks that
// event or a later one is Incomplete.
func (a *Aggregate[S, E]) readSnapshot(ctx context.Context, c *cell[S, E]) error {
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
			return kinded(err, domain.Unavailable, "The log cannot be read now; try again later.")
		}
		if r.Version != at || r.ID != last {
			return nil
		}
		state, err := s.Decode(blob[len(last):])
		if err != nil {
			return nil //nolint:nilerr // as above
		}
		c.weight, c.snapped = len(blob), at
		c.set(func(h *head[S]) { h.state, h.version, h.position, h.last = state, at, r.Position, r.ID })
		a.stats.restored.Add(1)
		return nil
	}
	return nil
}

// maybeSnapshot saves the head in the background when it has come far enough.
func (a *Aggregate[S, E]) maybeSnapshot(c *cell[S, E]) {
	s := a.opts.Snapshots
	if s == nil {
		return
	}
	every := s.Every
	if every == 0 {
		every = SnapshotEvery
	}
	if c.head.version-c.snapped < max(every, c.head.version/snapshotShare) {
		return
	}
	c.snapped = c.head.version
	state, at, last, stream := a.decider.Copy(c.head.state), c.head.version, c.head.last, c.stream
	a.cells.inUse.Go(func() {
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
