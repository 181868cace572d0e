package following

import (
	"context"
	"fmt"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// Resume verifies that the log is still the one that c was taken from, and returns
// the checkpoint to go on from. If it is not, Resume logs one warning with the
// reason and returns the zero Checkpoint: the reader starts with the first event.
// Resume calls Begin.
//
// Resume retries while the log does not answer, as RemedyFor says. If the log cannot
// find events by position, c is accepted unless it lies beyond the end.
func (f *Follower) Resume(ctx context.Context, c eventlog.Checkpoint) (above eventlog.Checkpoint, err error) {
	f.Begin()
	for pauses := newBackoff(); ; {
		above, why, err := f.prove(ctx, c)
		switch {
		case ctx.Err() != nil:
			return eventlog.Checkpoint{}, ctx.Err()
		case err != nil && f.again(ctx, err, pauses.NextBackOff()):
			continue
		case ctx.Err() != nil:
			return eventlog.Checkpoint{}, ctx.Err()
		case err != nil:
			return eventlog.Checkpoint{}, err
		case why != "":
			f.config.Logger.WarnContext(ctx, "the checkpoint is not one of this log; everything is read again from the first event",
				"reader", f.config.Name, "position", int64(c.Event.Position), "reason", why)
		}
		f.Begin()
		return above, nil
	}
}

// prove returns the checkpoint to go on from, or the reason why c is not of this log.
func (f *Follower) prove(ctx context.Context, c eventlog.Checkpoint) (above eventlog.Checkpoint, why string, err error) {
	if c.Event.Position <= 0 && c.Passed.Position <= 0 {
		return eventlog.Checkpoint{}, "", nil
	}
	log, ok := f.config.Log.(eventlog.PositionFinder)
	if !ok {
		return f.within(ctx, c)
	}
	above, proven, err := c.Resume(ctx, log)
	if err != nil {
		return eventlog.Checkpoint{}, "", err
	}
	if !proven {
		why, err = f.against(ctx, log, c.Event)
		return eventlog.Checkpoint{}, why, err
	}
	if above.Event.ID == (eventlog.EventID{}) && above.Event.Position > 0 { // saved by an older version, without an id
		r, ok, err := log.At(ctx, above.Event.Position)
		if err != nil {
			return eventlog.Checkpoint{}, "", err
		}
		if ok {
			above.Event.ID = r.ID
		}
	}
	return above, "", nil
}

// against returns the reason why the log does not have m.
func (f *Follower) against(ctx context.Context, log eventlog.PositionFinder, m eventlog.Mark) (string, error) {
	if ended, ok := f.config.Log.(eventlog.EndReader); ok {
		end, err := ended.End(ctx)
		if err != nil {
			return "", err
		}
		if m.Position > end {
			return beyond(end), nil
		}
	}
	r, ok, err := log.At(ctx, m.Position)
	switch {
	case err != nil:
		return "", err
	case !ok:
		return "the log has no event at this position: it was replaced, set back or scavenged, or the checkpoint is of an older version", nil
	}
	return fmt.Sprintf("the log has another event at this position, of %s: it was replaced, or set back and has grown since", r.Stream), nil
}

// within returns c, unless it lies beyond the end of a log that has no At.
func (f *Follower) within(ctx context.Context, c eventlog.Checkpoint) (above eventlog.Checkpoint, why string, err error) {
	log, ok := f.config.Log.(eventlog.EndReader)
	if !ok {
		return c, "", nil
	}
	end, err := log.End(ctx)
	switch {
	case err != nil:
		return eventlog.Checkpoint{}, "", err
	case c.Position() > end:
		return eventlog.Checkpoint{}, beyond(end), nil
	}
	return c, "", nil
}

func beyond(end eventlog.Position) string {
	return fmt.Sprintf("it is beyond the end of the log, %d: the log was replaced, or set back", end)
}

// Checkpoint returns the checkpoint to save for a reader that has handled everything
// up to dealt. Passed is the highest position that is known to be clear, with the id
// of its event, so that the next start can verify it; without such an event it is
// left out. Checkpoint calls Applied with dealt.
func (f *Follower) Checkpoint(ctx context.Context, dealt eventlog.Checkpoint) eventlog.Checkpoint {
	f.mu.Lock()
	f.health.Position = max(f.health.Position, dealt.Position())
	passed, named, began := f.health.Position, f.named, f.began
	f.mu.Unlock()
	if dealt.Passed.ID != (eventlog.EventID{}) && dealt.Passed.Position > named.Position {
		named = dealt.Passed
	}
	if passed > max(dealt.Event.Position, named.Position) {
		if m, ok := f.mark(ctx, passed); ok {
			named = m
		}
	}
	dealt.Passed = eventlog.Mark{}
	if named.Position > dealt.Event.Position {
		dealt.Passed = named
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.began == began {
		f.named = named
	}
	return dealt
}

// mark returns the mark of the event at p; ok is false if it cannot be found now.
func (f *Follower) mark(ctx context.Context, p eventlog.Position) (m eventlog.Mark, ok bool) {
	log, ok := f.config.Log.(eventlog.PositionFinder)
	if !ok {
		return m, false
	}
	r, ok, err := log.At(ctx, p)
	if err != nil || !ok {
		return m, false
	}
	return eventlog.MarkOf(r), true
}

// Failure wraps err with the name of the reader that ends with it.
func (f *Follower) Failure(err error) error {
	return domain.Wrap(domain.KindOf(err), err, "The %s cannot follow the log any more", f.config.Name)
}
