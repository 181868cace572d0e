//go:build race

package conformance_test

// raceEnabled reports whether the node is to be built as this test is.
const raceEnabled = true
