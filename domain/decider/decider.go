// Package decider is the shape of every aggregate and every saga: state is
// folded from events, and a decision is a pure function of that state.
package decider

// Decider folds the events of one stream into state.
type Decider[S, E any] struct {
	// Initial is the state of an empty stream. It holds no maps or slices, so
	// that copying it is enough to start afresh.
	Initial S

	// Evolve returns the state after one event. Without Clone it must leave
	// everything reachable from the old state as it was. With Clone it may
	// change the old state in place, which then must not be used again.
	Evolve func(S, E) S

	// Clone copies a state so that evolving the copy leaves the original as it
	// was. Nil says that states are values and need no copying.
	Clone func(S) S
}

// Decision says which events follow from the state it is given; it never
// changes that state. Deciding again on the state those events lead to yields
// no events and no error: decisions are idempotent.
type Decision[S, E any] func(S) ([]E, error)

// Fold replays events on top of s, under the rules of Evolve.
func (d Decider[S, E]) Fold(s S, events ...E) S {
	for _, e := range events {
		s = d.Evolve(s, e)
	}
	return s
}

// Copy returns a state that may be evolved while s stays as it is.
func (d Decider[S, E]) Copy(s S) S {
	if d.Clone == nil {
		return s
	}
	return d.Clone(s)
}
