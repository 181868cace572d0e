// Package conformance runs the test suite of the official EventStoreDB client
// for Go against the embedded node, as the client's own authors run it against
// the real server:
//
//	module cache ──copy, one file replaced──▶ suite ──go test -c──▶ binary, kept between runs
//	                                                                  │
//	orderflow eventstore (empty)     ◀────────── gRPC ────────────────┤ once without TLS, once with
//	orderflow eventstore (populated) ◀────────── gRPC ────────────────┘
//	                                                                  │
//	testdata/leaf_tests.txt, testdata/expected_failures.txt ──▶ judge ◀┘ test2json
//
// The replaced file is the one that starts containers: ours, in
// testdata/containers_test.go.txt, connects to addresses that it is told.
//
// The judge wants every test of leaf_tests.txt to have run and passed in every
// run that is named beside it. What is listed in expected_failures.txt is
// excused, and fails the whole when it passes: then the list is out of date.
// Nothing is skipped: no server, no network for the first preparation, a test
// that is new or gone are failures.
//
// The populated node holds the data set that the suite was written against, as
// far as its recorded answers show it: the ids, positions and times of the
// events there are the original's.
package conformance
