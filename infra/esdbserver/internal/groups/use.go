package groups

import (
	"context"
	"math"
	"sync"
)

// What is done with groups that exist.

// Connect adds a client that takes so many unacknowledged events.
func (gs *Groups) Connect(ctx context.Context, key Key, peer Peer, slots int) (c *Client, err error) {
	err = gs.with(key, func(g *group) error {
		c, err = g.join(ctx, peer, slots)
		return err
	})
	return c, err
}

// with does something with a group, once more if the group was just replaced.
func (gs *Groups) with(key Key, do func(*group) error) error {
	g, err := gs.find(key)
	if err != nil {
		return err
	}
	if err = do(g); KindOf(err) != Dropped {
		return err
	}
	if g, err = gs.find(key); err != nil {
		return err
	}
	return do(g)
}

// Replay delivers parked events again: all, or those with numbers below stopAt.
// It returns when that has begun.
func (gs *Groups) Replay(ctx context.Context, key Key, stopAt *int64) error {
	stop := int64(math.MaxInt64)
	if stopAt != nil {
		if stop = *stopAt; stop < 0 {
			return &Error{Kind: Failed, Key: key, Reason: "Cannot stop replaying parked message at a negative version."}
		}
	}
	return gs.with(key, func(g *group) error {
		last, err := gs.api.LastNumber(ctx, key.parkedStream())
		if err != nil {
			return err
		}
		return g.wait(ctx, func() { g.step(Replay{StopAt: stop, End: last + 1}) })
	})
}

// Info describes a group.
func (gs *Groups) Info(ctx context.Context, key Key) (info Info, err error) {
	err = gs.with(key, func(g *group) error {
		info, err = gs.info(ctx, g)
		return err
	})
	return info, err
}

func (gs *Groups) info(ctx context.Context, g *group) (info Info, err error) {
	if err := g.wait(ctx, func() { info = g.info() }); err != nil {
		return Info{}, err
	}
	if key := g.configured.Key; key.Stream != AllStream {
		last, err := gs.api.LastNumber(ctx, key.Stream)
		if err != nil {
			return Info{}, err
		}
		info.LastKnown = max(info.LastKnown, Place(last))
	}
	return info, nil
}

// List describes the groups of a stream, or all if it is empty. A stream
// without groups is NotFound.
func (gs *Groups) List(ctx context.Context, stream string) ([]Info, error) {
	gs.mu.RLock()
	var wanted []*group
	for _, key := range gs.order {
		if stream == "" || key.Stream == stream {
			wanted = append(wanted, gs.running[key])
		}
	}
	gs.mu.RUnlock()
	if stream != "" && len(wanted) == 0 {
		return nil, &Error{Kind: NotFound, Key: Key{Stream: stream}}
	}
	infos := make([]Info, 0, len(wanted))
	for _, g := range wanted {
		info, err := gs.info(ctx, g)
		if KindOf(err) == Dropped {
			continue // deleted meanwhile
		}
		if err != nil {
			return nil, err
		}
		infos = append(infos, info)
	}
	return infos, nil
}

// Restart drops all clients, reads the configuration again and starts all
// groups from what they have stored.
func (gs *Groups) Restart(ctx context.Context) error {
	gs.changing.Lock()
	defer gs.changing.Unlock()
	configured, filters, err := gs.load(ctx)
	if err != nil {
		return err
	}
	gs.mu.Lock()
	defer gs.mu.Unlock()
	if gs.closed {
		return &Error{Kind: Closed}
	}
	gs.stopAll(Dropped)
	for i, c := range configured {
		gs.start(c, filters[i])
	}
	return nil
}

// Close writes how far the groups are and ends them; their clients are dropped.
func (gs *Groups) Close() {
	gs.changing.Lock()
	defer gs.changing.Unlock()
	gs.mu.Lock()
	defer gs.mu.Unlock()
	gs.closed = true
	gs.stopAll(Closed)
}

// stopAll ends all groups, at the same time.
func (gs *Groups) stopAll(reason Kind) {
	var wg sync.WaitGroup
	for _, g := range gs.running {
		wg.Go(func() { g.stop(reason, true) })
	}
	wg.Wait()
	gs.running, gs.order = map[Key]*group{}, nil
}
