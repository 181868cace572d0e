package eventstoredb

import (
	"context"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// Append implements eventlog.Store. A repeat after a lost answer is made here
// first, as long as there is time; Unknown comes after that.
//
// A stream that was deleted, or that hides the events in question, is Incomplete,
// and nothing is stored. EventStoreDB itself lets a deleted stream begin again,
// with the numbers that follow those of before: an append that begins a stream
// reads its metadata first. When the stream is deleted between that read and the
// append, the answer is Incomplete, but the events do stand in the log, as
// versions above those that are gone: nothing outside may happen because of them.
// An append at the last version is taken: it was decided on all events, before
// the stream was deleted.
func (l *Log) Append(ctx context.Context, s eventlog.Stream, version eventlog.Version, events ...eventlog.Pending) (eventlog.Appended, error) {
	bytes, err := l.check(s, version, events)
	if err != nil {
		l.opts.Hooks.Failed(operationAppend, domain.Invalid)
		return eventlog.Appended{}, err
	}
	begun := time.Now()
	ctx, cancel := context.WithTimeout(ctx, l.opts.Timeout) // for all that follows
	defer cancel()
	if version == 0 {
		if err := l.neverDeleted(ctx, operationAppend, s); err != nil {
			return eventlog.Appended{}, err
		}
		defer l.undeleted.Invalidate(s) // from now on it can be deleted
	}
	w, f, err := repeat(ctx, l, operationAppend, l.write(s, version, events))
	at := eventlog.Appended{Version: version + eventlog.Version(len(events))}
	switch {
	case err == nil && w.CommitPosition != 0 && w.NextExpectedVersion > uint64(at.Version-1): //nolint:gosec // it is above 0
		return eventlog.Appended{}, l.incomplete(beganAgain(s, version, w.NextExpectedVersion, len(events)))
	case err == nil && !f.lost && w.NextExpectedVersion == uint64(at.Version-1) && w.CommitPosition != 0: //nolint:gosec // it is above 0
		if at.Position, err = position(w.CommitPosition); err != nil {
			return eventlog.Appended{}, err
		}
	case err == nil, f.kind == domain.Conflict:
		// An answer that says too little; or one to a repeat, in which the position
		// is not that of the event; or another append came first: perhaps ours.
		if at, err = l.verifyStored(ctx, s, version, events, err == nil); err != nil {
			return eventlog.Appended{}, err
		}
	case f.kind == domain.Incomplete:
		return eventlog.Appended{}, l.incomplete(eventlog.ErrIncomplete(s, 1, 0))
	default:
		return eventlog.Appended{}, l.giveUp(f, err)
	}
	l.opts.Hooks.Appended(len(events), bytes, time.Since(begun))
	return at, nil
}

// beganAgain is the error of an append that began a deleted stream again; last
// is the number of its last event.
func beganAgain(s eventlog.Stream, version eventlog.Version, last uint64, events int) error {
	first := eventlog.Version(last) + 2 - eventlog.Version(events) //nolint:gosec // the server counts in 63 bits
	return domain.Errorf(domain.Incomplete, "The stream %s was deleted: its events from version %d to %d are missing, and the append for version %d was stored as version %d. "+
		"Restore them before anything is decided about it.", s, version+1, first-1, version+1, first)
}

func (l *Log) incomplete(err error) error {
	l.opts.Hooks.Failed(operationAppend, domain.Incomplete)
	return err
}

// giveUp returns what became of an append that was not answered with success.
func (l *Log) giveUp(f failure, err error) error {
	if f.lost {
		f.kind = domain.Unknown
	}
	return l.give(operationAppend, f, err)
}

// write returns the call that appends.
func (l *Log) write(s eventlog.Stream, version eventlog.Version, events []eventlog.Pending) work[*esdb.WriteResult] {
	list := make([]esdb.EventData, len(events))
	for i, e := range events {
		list[i] = proposed(e)
	}
	var expected esdb.ExpectedRevision = esdb.NoStream{}
	if version > 0 {
		expected = esdb.Revision(uint64(version - 1))
	}
	attempt := l.opts.Timeout / attemptShare
	return func(ctx context.Context, c *esdb.Client) (*esdb.WriteResult, error) {
		return c.AppendToStream(ctx, string(s), esdb.AppendToStreamOptions{ExpectedRevision: expected, Deadline: &attempt, RequiresLeader: true}, list...)
	}
}

func proposed(e eventlog.Pending) esdb.EventData {
	kind := esdb.ContentTypeJson
	if !json.Valid(e.Data) {
		kind = esdb.ContentTypeBinary
	}
	return esdb.EventData{EventID: uuid.UUID(e.ID), EventType: e.Type, ContentType: kind, Data: e.Data, Metadata: e.Meta.Encode()}
}

// verifyStored reads the events after a version and returns where these events are
// stored, or an error. stored is true if the server reported that they are.
func (l *Log) verifyStored(ctx context.Context, s eventlog.Stream, version eventlog.Version, events []eventlog.Pending, stored bool) (at eventlog.Appended, err error) {
	i := 0
	var incomplete error
	for r, err := range l.Read(ctx, s, version) {
		if domain.KindOf(err) == domain.Incomplete {
			incomplete = err
			break
		}
		if err != nil {
			return at, l.giveUp(failure{lost: true}, err)
		}
		if r.ID != events[i].ID {
			break
		}
		at = eventlog.Appended{Version: r.Version, Position: r.Position}
		if i++; i == len(events) {
			return at, nil
		}
	}
	if i == 0 && at.Version == 0 && version > 0 { // nothing is shown above version
		if incomplete, err = l.missing(ctx, s, version, incomplete); err != nil {
			return at, l.giveUp(failure{lost: true}, err)
		}
	}
	switch {
	case incomplete != nil:
		return at, l.incomplete(incomplete)
	case stored:
		return at, l.giveUp(failure{lost: true}, domain.Errorf(domain.Unknown, "EventStoreDB at %s says that it has stored the events, and does not show them.", l.Name()))
	}
	l.opts.Hooks.Failed(operationAppend, domain.Conflict)
	return at, domain.Errorf(domain.Conflict, "%s is not at version %d.", s, version)
}

// missing returns why nothing of s is shown above a version, as far as it is
// known: incomplete, nil if the stream never had so many events, or the error of
// one that hides all it has.
func (l *Log) missing(ctx context.Context, s eventlog.Stream, version eventlog.Version, incomplete error) (error, error) {
	newest, err := l.fetch(ctx, esdb.Backwards, stream{s, esdb.End{}}, 1)
	switch {
	case domain.KindOf(err) == domain.Incomplete:
		return eventlog.ErrIncomplete(s, version+1, 0), nil
	case err != nil:
		return nil, err
	case newest.hides(0):
		return eventlog.ErrIncomplete(s, version+1, 0), nil
	case !newest.none:
		return incomplete, nil
	}
	if err := l.neverDeleted(ctx, operationRead, s); domain.KindOf(err) != domain.Incomplete {
		return nil, err
	}
	return incomplete, nil
}

// check refuses what EventStoreDB does not take, and counts what it does.
func (l *Log) check(s eventlog.Stream, version eventlog.Version, events []eventlog.Pending) (bytes int, err error) {
	if err := eventlog.CheckAppend(s, version, events); err != nil {
		return 0, err
	}
	if !utf8.ValidString(string(s)) || isSystem(string(s)) {
		return 0, domain.Errorf(domain.Invalid, "%.40q is no name for a stream in EventStoreDB: it is UTF-8 and begins with no dollar.", s)
	}
	for _, e := range events {
		if !utf8.ValidString(e.Type) || isSystem(e.Type) {
			return 0, domain.Errorf(domain.Invalid, "%.40q is no event type in EventStoreDB: it is UTF-8 and begins with no dollar.", e.Type)
		}
		bytes += len(e.Data) + metaBytes(e.Meta) + typeByteCost*len(e.Type)
	}
	if bytes > l.opts.MaxAppendBytes {
		return 0, domain.Errorf(domain.Invalid, "The events have %d bytes; EventStoreDB takes %d in one append.", bytes, l.opts.MaxAppendBytes)
	}
	return bytes, nil
}

// metaBytes is about what the metadata takes as JSON.
func metaBytes(m eventlog.Meta) int {
	const names = 85 // of all six fields, with their punctuation
	return names + len(m.Command) + len(m.Correlation) + len(m.Causation) + len(m.Actor) + len(m.Trace) + len(m.Recorded)
}

// isSystem reports whether a stream or a type is the server's own.
func isSystem(name string) bool { return strings.HasPrefix(name, "$") }
