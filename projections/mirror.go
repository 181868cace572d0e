package projections

import "orderflow/domain/eventlog"

// Mirror keeps copies of the rows of live groups where they are faster to
// read. It is shown what was committed, in order and by one caller for each
// group, and may lose any of it: a batch whose Above is not the To of the one
// before says that something is missing. The views never wait for a mirror, so
// both methods return at once, whatever the mirror's store does.
//
// A group is reset when it begins, and when it begins again after an error:
// another process may have written or rebuilt it meanwhile.
type Mirror interface {
	// Wrote shows a batch after its commit. Its rows are never changed
	// afterwards and may be kept; they are shared and must not be changed.
	Wrote(group string, b Batch)

	// Reset says that other rows took the place of all rows of a group, which
	// stands at a position now: no copy made before may be shown again.
	Reset(group string, at eventlog.Position)
}

// noMirror is the mirror of a runner without one.
type noMirror struct{}

func (noMirror) Wrote(string, Batch)             {}
func (noMirror) Reset(string, eventlog.Position) {}
