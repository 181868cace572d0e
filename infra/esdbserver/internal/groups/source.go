package groups

import (
	"context"
	"errors"
	"iter"
	"math"
	"slices"
	"strings"
	"time"

	"orderflow/infra/esdbserver/internal/engine"
)

const (
	// passedEvery is how many events a group with a filter considers before it
	// notes how far it is. The note may become an event itself, which is one
	// more to be considered: hence many.
	passedEvery = 512
	// eventOverheadBytes is what an event costs beside what its writer sent.
	eventOverheadBytes = 512
	// maxSkips bounds the parked events ahead of the checkpoint that a group
	// remembers when it starts. What is beyond is delivered once more.
	maxSkips = 1 << 20
)

// barred reports whether the group cannot read, and drops its clients: its stream ended
// for ever, or no event has the position at which it was to begin and it has no
// checkpoint to go on from.
func (g *group) barred() bool {
	return g.ended || g.configured.Settings.Start.Invalid != "" && !g.machine.saved
}

// feed starts to read after what the machine has.
func (g *group) feed() {
	if g.barred() {
		return
	}
	var ctx context.Context
	ctx, g.feeding = context.WithCancel(g.ctx)
	ended, after, skips := make(chan struct{}), g.machine.Pulled(), g.skips
	g.feeder = ended
	go func() {
		defer close(ended)
		for m, err := range g.subscribe(ctx, after) {
			if err != nil {
				if ctx.Err() == nil {
					_ = g.ask(ctx, func() { g.failed(ended, err) }) // not as what it read, which waits for room
				}
				return
			}
			var in Input
			if in, skips = g.input(m, skips); in == nil {
				continue
			}
			select {
			case g.source <- in:
			case <-ctx.Done():
				return
			}
		}
	}()
}

// failed is told why a feeder has ended.
func (g *group) failed(feeder chan struct{}, err error) {
	<-feeder
	if _, ended := errors.AsType[*engine.DeletedError](err); ended {
		g.logger.Info("the stream of a persistent subscription ended") // nothing will come
		if g.ended = true; !g.machine.caughtUp {                       // they came before it was noticed that it had ended before
			g.dropAll(Dropped)
		}
		return
	}
	g.logger.Warn("a persistent subscription stopped reading; it will try again", "error", err)
	g.feeder = nil
}

func (g *group) subscribe(ctx context.Context, after Place) iter.Seq2[engine.Message, error] {
	c := &g.configured
	if c.Key.Stream != AllStream {
		return g.api.SubscribeStream(ctx, c.Key.Stream, int64(after), c.Settings.ResolveLinks)
	}
	every := engine.Checkpoints{}
	if g.filter != nil {
		every.Every = passedEvery
	}
	return g.api.SubscribeAll(ctx, uint64(max(after, 0)), c.Settings.ResolveLinks, g.filter, every)
}

// input returns what a message means to the machine; nil if nothing.
func (g *group) input(m engine.Message, skips []Place) (Input, []Place) {
	switch {
	case m.CaughtUp:
		return CaughtUp{}, skips
	case m.Resolved == nil:
		return Passed{Place: Place(m.Checkpoint), Events: passedEvery}, skips
	}
	e := g.event(*m.Resolved)
	if original := m.Resolved.Original(); g.configured.Key.Stream == AllStream {
		e.Place = Place(original.Position)
		if strings.HasPrefix(original.Stream, "$persistentsubscription-"+AllStream+"::") {
			return nil, skips // or a group would be busy with itself for ever
		}
	} else if e.Place = Place(original.Number); original.Number == engine.DeletedNumber {
		return nil, skips // the end of the stream is nothing to deal with
	}
	for len(skips) > 0 && skips[0] < e.Place {
		skips = skips[1:]
	}
	if len(skips) > 0 && skips[0] == e.Place {
		return Passed{Place: e.Place, Events: 1}, skips
	}
	return Read{Event: e}, skips
}

func (g *group) event(r engine.Resolved) Event {
	e := Event{ID: idOf(r), Bucket: Bucket(g.configured.Settings.Strategy, r), Bytes: eventOverheadBytes, Resolved: r}
	for _, part := range []*engine.Event{r.Event, r.Link} {
		if part != nil {
			e.Bytes += len(part.Data) + len(part.Metadata)
		}
	}
	return e
}

// load reads what the group knew when it last ran.
func (g *group) load() error {
	ctx, key := g.ctx, g.configured.Key
	m := Memory{Checkpoint: g.configured.Begin}
	for r, err := range g.api.ReadStream(ctx, key.checkpointStream(), engine.NewestNumber, engine.Span{Backwards: true, Max: 1}) {
		if missing(err) {
			break
		}
		if err != nil {
			return err
		}
		if m.Checkpoint, err = decodeCheckpoint(r.Event.Data, key.Stream == AllStream); err != nil {
			return err
		}
		m.Saved = true
	}
	if g.configured.Beyond {
		m.Checkpoint = max(m.Checkpoint, g.configured.Begin)
	}
	last, err := g.api.LastNumber(ctx, key.parkedStream())
	if err != nil {
		return err
	}
	metadata, err := g.api.Metadata(ctx, key.parkedStream())
	if err != nil {
		return err
	}
	m.ParkedEnd = last + 1
	m.ParkedFirst = min(metadata.TruncateBefore, m.ParkedEnd)
	g.skips = nil
	for r, err := range g.api.ReadStream(ctx, key.parkedStream(), m.ParkedFirst, engine.Span{Max: math.MaxUint64}) {
		if missing(err) {
			break
		}
		if err != nil {
			return err
		}
		if p := parkedPlace(r.Event.Metadata); p > m.Checkpoint && len(g.skips) < maxSkips {
			g.skips = append(g.skips, p)
		}
	}
	slices.Sort(g.skips)
	g.machine = NewMachine(time.Now(), g.configured.Settings, m)
	return nil
}

// missing reports whether a stream has nothing to read.
func missing(err error) bool {
	_, absent := errors.AsType[*engine.NotFoundError](err)
	_, ended := errors.AsType[*engine.DeletedError](err)
	return absent || ended
}

// begin works out after which place a group starts to read.
func begin(ctx context.Context, api engine.API, key Key, s Start) (Place, error) {
	if key.Stream != AllStream {
		if !s.End {
			return s.At - 1, nil
		}
		last, err := api.LastNumber(ctx, key.Stream)
		return Place(last), err
	}
	end, err := api.End(ctx)
	switch {
	case err != nil:
		return Nowhere, err
	case s.End:
		return Place(end), nil
	case s.At > Place(end), s.At == Place(end) && s.Invalid != "":
		return Nowhere, &Error{Kind: Failed, Key: key, Reason: "the start is beyond the end of the log"}
	}
	return s.At - 1, nil
}
