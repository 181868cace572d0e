package eventlog

import "context"

// Mark is a position together with the id of the event there, so that a reader can
// check that the log still has this event. The zero Mark is before the first event;
// every log has it.
type Mark struct {
	Position Position
	ID       EventID // zero if only the position is known
}

// MarkOf returns the mark of an event.
func MarkOf(r Recorded) Mark { return Mark{Position: r.Position, ID: r.ID} }

// PositionFinder finds events by position. Every [Store] of this module implements it.
type PositionFinder interface {
	// At returns the event at p, the store's own events included. ok is false
	// if p is not a position of this log, or if its event is gone.
	At(ctx context.Context, p Position) (r Recorded, ok bool, err error)
}

// Checkpoint is how far a reader has handled the log. It holds only positions that
// the log gave out.
// See docs/adr/012.
type Checkpoint struct {
	// Event is the highest event such that every event for the reader at or below
	// it has been handled. Its id proves at the next
	// start that the log is still the same one.
	Event Mark
	// Passed is an event above Event up to which the log holds nothing else for
	// the reader, so that the next start need not walk through it; zero if
	// unknown.
	Passed Mark
}

// Position returns the position up to which everything has been handled.
func (c Checkpoint) Position() Position { return max(c.Event.Position, c.Passed.Position) }

// Resume returns where a reader with checkpoint c goes on in log: at Passed if
// the log still has it, else at Event. One of the two is enough to prove that
// the log is the one that c was taken from; so the event of Event may have been
// scavenged away, if Passed is there. Resume returns ok = false and position 0 if
// the log has neither, or another event where Event was: then the log was
// replaced, or it was set back and has grown again, and the reader has to begin
// with the first event.
//
// An Event without an id, as versions before v1 saved it, needs only to be a
// position of the log. A Passed without one proves nothing, and is left out.
func (c Checkpoint) Resume(ctx context.Context, log PositionFinder) (above Checkpoint, ok bool, err error) {
	event, err := find(ctx, log, c.Event)
	if err != nil || event == other {
		return Checkpoint{}, false, err
	}
	passed := gone
	if c.Passed.Position > c.Event.Position && c.Passed.ID != (EventID{}) {
		if passed, err = find(ctx, log, c.Passed); err != nil {
			return Checkpoint{}, false, err
		}
	}
	switch {
	case passed == same:
		return c, true, nil
	case event == same:
		return Checkpoint{Event: c.Event}, true, nil
	}
	return Checkpoint{}, false, nil
}

// finding is what a log has at the position of a mark.
type finding int

const (
	gone  finding = iota // no event: it was scavenged, or this is no position
	other                // another event
	same                 // the event of the mark
)

// find looks up m in log. A mark without an id is any event, and the zero Mark
// is in every log.
func find(ctx context.Context, log PositionFinder, m Mark) (finding, error) {
	if m.Position <= 0 {
		return same, nil
	}
	r, ok, err := log.At(ctx, m.Position)
	switch {
	case err != nil || !ok:
		return gone, err
	case m.ID != (EventID{}) && m.ID != r.ID:
		return other, nil
	}
	return same, nil
}
