package groups

import (
	"context"
	"time"

	"orderflow/infra/esdbserver/internal/engine"
)

// write stores what the machine wants, in one append, and goes on trying until
// that succeeds or the group ends. It never makes new events: of an append
// whose answer was lost, the same ids tell that it was stored.
func (g *group) write(w Write) {
	writes, err := g.writes(w, time.Now())
	if err != nil {
		g.logger.Error("a parked event cannot be written down", "error", err) // there is no such event
	}
	g.writing = true
	ctx := g.ctx
	go func() {
		for {
			end, err := g.append(ctx, writes)
			if err == nil {
				g.written <- &Wrote{End: end}
				return
			}
			g.logger.Warn("a persistent subscription cannot store where it is; it will try again", "error", err)
			if !pause(ctx) {
				g.written <- nil
				return
			}
		}
	}()
}

// pause waits before something is tried again, unless it is given up.
func pause(ctx context.Context) bool {
	timer := time.NewTimer(tickInterval)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (g *group) append(ctx context.Context, writes []engine.Write) (end int64, err error) {
	written, err := g.api.AppendTogether(ctx, writes...)
	if err != nil {
		return 0, err
	}
	return written[0].Number + 1, nil // which matters only if the first one parks
}

// writes returns the appends of a write, the one that parks first.
func (g *group) writes(w Write, at time.Time) (all []engine.Write, err error) {
	key := g.configured.Key
	if len(w.Parks) > 0 {
		park := engine.Write{Stream: key.parkedStream(), Expected: engine.Any}
		for _, p := range w.Parks {
			link, broken := parkedLink(newID(), p, at)
			if broken != nil {
				err = broken
			}
			park.Events = append(park.Events, link)
		}
		all = append(all, park)
	}
	if w.HasCheckpoint {
		all = append(all, engine.Write{Stream: key.checkpointStream(), Expected: engine.Any, Events: []engine.Proposed{{
			ID: newID(), Type: checkpointType, JSON: true, Data: encodeCheckpoint(w.Checkpoint, key.Stream == AllStream),
		}}})
	}
	if w.TruncateTo > 0 {
		all = append(all, engine.Write{
			Stream: engine.MetastreamOf(key.parkedStream()), Expected: engine.Any,
			Events: []engine.Proposed{metadataEvent(`{"$tb":%d}`, w.TruncateTo)},
		})
	}
	return all, err
}

// readParked reads parked events for a replay.
func (g *group) readParked(r ReadParked) {
	g.reading = true
	ctx := g.ctx
	go func() {
		u := Unparked{Next: r.To}
		span := engine.Span{Max: uint64(r.Max), ResolveLinks: true}
		for resolved, err := range g.api.ReadStream(ctx, g.configured.Key.parkedStream(), r.From, span) {
			if err != nil && !missing(err) {
				g.logger.Warn("parked events cannot be read; it will be tried again", "error", err)
				pause(ctx)
				g.unparked <- Unparked{Next: r.From}
				return
			}
			if err != nil || resolved.Original().Number >= r.To {
				break
			}
			e := Entry{Number: resolved.Original().Number, Gone: resolved.Event == nil}
			if !e.Gone {
				e.Event = g.event(resolved)
				e.Event.Place = parkedPlace(resolved.Original().Metadata)
			}
			u.Entries = append(u.Entries, e)
		}
		if len(u.Entries) == r.Max {
			u.Next = u.Entries[len(u.Entries)-1].Number + 1
		}
		g.unparked <- u
	}()
}
