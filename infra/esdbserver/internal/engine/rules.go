package engine

import "orderflow/domain/eventlog"

// outcome is the decision on a write.
type outcome uint8

const (
	accepted outcome = iota // it is to be written
	repeated                // it was written before
	wrong                   // wrong expected version
	ended                   // the stream takes no writes, for ever or until it is begun again
)

// place is the part of a stream's state that the rules depend on.
type place struct {
	last      int64 // number of the last event, -1 if there never was one
	deleted   bool  // for ever
	gone      bool  // deleted, and begins again with the next append
	described bool  // its metastream has events
}

// book gives the rules access to stored events.
type book interface {
	// find returns where the newest event with an id is.
	find(id eventlog.EventID) (stream string, number int64, ok bool, err error)
	// ids returns the ids of n events of a stream from a number on, or of as many as there are.
	ids(stream string, from int64, n int) ([]eventlog.EventID, error)
}

// checkExpected applies the rules of optimistic concurrency and idempotency to a
// write with these ids. end is the number of the last event of a repeated write.
func checkExpected(p place, stream string, expected Expected, ids []eventlog.EventID, b book) (v outcome, end int64, err error) {
	if p.deleted {
		return ended, 0, nil
	}
	switch {
	case expected == Any:
	case expected == StreamExists:
		if p.gone {
			return ended, 0, nil
		}
		if p.last < 0 && (!p.described || IsMetastream(stream)) {
			return wrong, 0, nil
		}
	case expected < NoStream:
		return wrong, 0, nil
	case int64(expected) < p.last:
		return checkRepeated(p, stream, expected, ids, b)
	case int64(expected) > p.last:
		return wrong, 0, nil
	default:
		return accepted, 0, nil // whatever the ids are
	}
	if p.last < 0 || len(ids) == 0 {
		return accepted, 0, nil
	}
	for i, id := range ids {
		at, number, ok, err := b.find(id)
		switch {
		case err != nil:
			return wrong, 0, err
		case ok && at == stream:
			end = number
		case i == 0:
			return accepted, 0, nil
		default: // some of it was written before, some was not
			return wrong, 0, nil
		}
	}
	return repeated, end, nil
}

// checkRepeated decides a write that expects a version below the present one: it is
// a repetition if the events after that version have the same ids, else wrong.
func checkRepeated(p place, stream string, expected Expected, ids []eventlog.EventID, b book) (v outcome, end int64, err error) {
	if len(ids) == 0 {
		return wrong, 0, nil
	}
	stored, err := b.ids(stream, int64(expected)+1, len(ids))
	if err != nil {
		return wrong, 0, err
	}
	for i, id := range ids {
		if i < len(stored) && stored[i] == id {
			continue
		}
		if i == 0 && expected == NoStream && p.gone {
			return accepted, 0, nil
		}
		return wrong, 0, nil
	}
	return repeated, int64(expected) + int64(len(ids)), nil
}
