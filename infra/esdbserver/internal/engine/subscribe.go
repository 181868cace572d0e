package engine

import (
	"context"
	"iter"

	"orderflow/domain/eventlog"
)

// A subscription keeps nothing but its place: woken by appends, it
// reads on in the log, at the pace of its subscriber. So it loses nothing,
// keeps the order and needs no buffer.

// SubscribeStream implements API.
func (e *Engine) SubscribeStream(ctx context.Context, stream string, after int64, resolve bool) iter.Seq2[Message, error] {
	if after > NewestNumber {
		after = NewestNumber - 1 // which no stream will reach
	}
	return func(yield func(Message, error) bool) {
		of, leave := e.streams.follow(stream)
		defer leave()
		f := &streamFollower{engine: e, topic: of, stream: stream, after: after, resolve: resolve, yield: yield}
		for {
			grown := of.wait() // before looking
			if !f.catchUp(ctx) || !e.rest(ctx, grown, yield) {
				return
			}
		}
	}
}

// rest returns true when there is more, and yields why there never will be.
func (e *Engine) rest(ctx context.Context, grown <-chan struct{}, yield func(Message, error) bool) bool {
	select {
	case <-grown:
		return true
	case <-ctx.Done():
		yield(Message{}, ctx.Err())
	case <-e.closing:
		yield(Message{}, errClosing())
	}
	return false
}

// streamFollower is one subscription to a stream.
type streamFollower struct {
	engine  *Engine
	topic   *topic
	stream  string
	after   int64 // number of the last event that was passed
	resolve bool
	live    bool
	yield   func(Message, error) bool
}

func (f *streamFollower) fail(err error) bool {
	f.yield(Message{}, err)
	return false
}

// catchUp yields all there is and then, unless it was live before, that it is.
func (f *streamFollower) catchUp(ctx context.Context) (more bool) {
	s, err := f.engine.streamInfo(ctx, f.stream)
	if err != nil {
		return f.fail(err)
	}
	if s.deleted && !f.live {
		return f.fail(&DeletedError{Stream: f.stream})
	}
	if f.after == NewestNumber {
		f.after = s.last
	}
	if f.live && s.last-f.after > behindEvents {
		f.live = false
	}
	if f.live && !s.deleted {
		return f.goOn(ctx, s.last)
	}
	first, oldest := s.first(), f.engine.oldest(s.metadata)
	if f.live { // what it was there for is not truncated
		first, oldest = 0, f.engine.oldest(Metadata{})
	}
	if s.gone && !f.live {
		f.after = max(f.after, s.last)
	}
	for r, err := range f.engine.readStored(ctx, f.stream, version(max(f.after, first-1))) {
		if err != nil {
			return f.fail(err)
		}
		f.after = int64(r.Version) - 1
		if r.At.Before(oldest) {
			continue
		}
		resolved, err := f.engine.resolved(ctx, &r, f.resolve)
		if err != nil {
			return f.fail(err)
		}
		if !f.yield(Message{Resolved: &resolved}, nil) {
			return false
		}
		if isTombstone(&r) {
			return f.fail(&DeletedError{Stream: f.stream})
		}
	}
	if !f.live {
		f.live = true
		return f.yield(Message{CaughtUp: true}, nil)
	}
	return true
}

// goOn yields what is new up to a number, whatever metadata says: it was there
// when that was appended.
func (f *streamFollower) goOn(ctx context.Context, last int64) (more bool) {
	for f.after < last {
		events, err := f.topic.after(f.after, func() ([]*Event, error) { return f.load(ctx) })
		if err != nil {
			return f.fail(err)
		}
		for _, event := range events {
			resolved, err := f.engine.resolve(ctx, event, f.resolve)
			if err != nil {
				return f.fail(err)
			}
			f.after = event.Number
			if !f.yield(Message{Resolved: &resolved}, nil) {
				return false
			}
		}
		if len(events) == 0 {
			break // a tombstone came between
		}
	}
	return true
}

// load reads what follows, up to what a topic keeps.
func (f *streamFollower) load(ctx context.Context) (events []*Event, err error) {
	for r, err := range f.engine.readStored(ctx, f.stream, version(f.after)) {
		if err != nil {
			return nil, err
		}
		if isTombstone(&r) {
			break
		}
		event, err := unpack(&r)
		if err != nil {
			return nil, err
		}
		if events = append(events, event); len(events) == recentEvents {
			break
		}
	}
	return events, nil
}

// SubscribeAll implements API.
func (e *Engine) SubscribeAll(ctx context.Context, after uint64, resolve bool, filter Filter, c Checkpoints) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		f := &allFollower{engine: e, after: position(after), resolve: resolve, filter: filter, every: c.Every, yield: yield}
		if after == NewestPosition {
			end, err := e.log.End(ctx)
			if err != nil {
				yield(Message{}, err)
				return
			}
			f.after = end
		}
		for {
			grown := e.all.wait() // before looking
			if !f.catchUp(ctx) || !e.rest(ctx, grown, yield) {
				return
			}
		}
	}
}

// allFollower is one subscription to all.
type allFollower struct {
	engine     *Engine
	after      eventlog.Position // of the last event that was passed
	resolve    bool
	filter     Filter
	every      uint64
	considered uint64 // since the last checkpoint
	live       bool
	yield      func(Message, error) bool
}

func (f *allFollower) fail(err error) bool {
	f.yield(Message{}, err)
	return false
}

// catchUp yields all there is and then, unless it was live before, that it is.
// A checkpoint stands only for what was passed, never for what is to come.
func (f *allFollower) catchUp(ctx context.Context) (more bool) {
	passed := 0
	for r, err := range f.engine.log.ReadAll(ctx, f.after) {
		if err != nil {
			return f.fail(err)
		}
		if passed++; passed > behindEvents {
			f.live = false
		}
		event, err := wanted(&r, f.filter)
		if err != nil {
			return f.fail(err)
		}
		if event != nil {
			resolved, err := f.engine.resolve(ctx, event, f.resolve)
			if err != nil {
				return f.fail(err)
			}
			if !f.yield(Message{Resolved: &resolved}, nil) {
				return false
			}
		}
		f.after = r.Position
		if f.considered++; f.considered == f.every && !f.checkpoint() {
			return false
		}
	}
	if f.live {
		return true
	}
	f.live = true
	return f.checkpoint() && f.yield(Message{CaughtUp: true}, nil)
}

// checkpoint returns how far it is, unless it has told.
func (f *allFollower) checkpoint() bool {
	if f.every == 0 || f.considered == 0 {
		return true
	}
	f.considered = 0
	return f.yield(Message{Checkpoint: uint64(f.after)}, nil)
}
