package eventlog

import (
	"iter"

	"orderflow/domain"
)

// ErrIncomplete returns the error of a stream that lacks events from version
// missing on: it was truncated or deleted where it is kept. next is the version
// of the event that follows the hole, 0 if there is none.
func ErrIncomplete(s Stream, missing, next Version) error {
	if next == 0 {
		return domain.Errorf(domain.Incomplete, "The stream %s was deleted or truncated: its events from version %d on are missing. Restore them before anything is decided about it.", s, missing)
	}
	return domain.Errorf(domain.Incomplete, "The stream %s lacks the events from version %d to %d: it was truncated. Restore them before anything is decided about it.", s, missing, next-1)
}

// Whole yields the events of a read of s above a version. At the first event that
// does not follow the one before it, Whole ends with an error of kind Incomplete.
func Whole(s Stream, above Version, read iter.Seq2[Recorded, error]) iter.Seq2[Recorded, error] {
	return func(yield func(Recorded, error) bool) {
		next := max(above, 0) + 1
		for r, err := range read {
			if err == nil && r.Version != next {
				yield(Recorded{}, ErrIncomplete(s, next, r.Version))
				return
			}
			if !yield(r, err) || err != nil {
				return
			}
			next++
		}
	}
}
