//go:build !race

package conformance_test

// raceEnabled says whether the node is to be built as this test is.
const raceEnabled = false
