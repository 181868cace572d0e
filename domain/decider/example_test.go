package decider_test

import (
	"errors"
	"fmt"

	"orderflow/domain/decider"
)

type opened struct{}

// open is a decision: it opens a door once.
func open(isOpen bool) ([]opened, error) {
	if isOpen {
		return nil, nil // deciding twice is deciding once
	}
	return []opened{{}}, nil
}

// A decision looks at the state and returns the events that follow; folding them
// gives the next state.
func Example() {
	door := decider.Decider[bool, opened]{Evolve: func(bool, opened) bool { return true }}
	var decide decider.Decision[bool, opened] = open

	state := door.Initial
	first, err1 := decide(state)
	state = door.Fold(state, first...)
	second, err2 := decide(state)
	fmt.Println(len(first), len(second), state, errors.Join(err1, err2))
	// Output: 1 0 true <nil>
}
