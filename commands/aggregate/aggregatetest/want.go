package aggregatetest

import (
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// Patience bounds the wait of a test for an event that must come.
const Patience = 20 * time.Second

// Tester is the part that testing.T and rapid.T share.
type Tester interface {
	Helper()
	Fatal(args ...any)
	Errorf(format string, args ...any)
}

// Must ends the test if there is an error.
func Must(t Tester, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// WantKind fails the test unless err is of a kind.
func WantKind(t Tester, err error, kind domain.Kind) {
	t.Helper()
	if err == nil || domain.KindOf(err) != kind {
		t.Errorf("err = %v, want kind %v", err, kind)
	}
}

// WantIncomplete fails the test unless err says that a stream lacks events.
func WantIncomplete(t Tester, what string, err error) {
	t.Helper()
	if err == nil || domain.KindOf(err) != domain.Incomplete {
		t.Errorf("%s: err = %v, want kind incomplete", what, err)
	}
}

// Within ends the test if c is not closed in time.
func Within(t testing.TB, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(Patience):
		t.Fatalf("%s did not come", what)
	}
}

// End returns the position of the last event.
func End(t testing.TB, s eventlog.EndReader) eventlog.Position {
	t.Helper()
	p, err := s.End(t.Context())
	Must(t, err)
	return p
}
