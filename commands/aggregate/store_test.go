package aggregate_test

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func ctx() context.Context { return context.Background() }

func wantKind(t tester, err error, kind domain.Kind) {
	t.Helper()
	if err == nil || domain.KindOf(err) != kind {
		t.Errorf("err = %v, want kind %v", err, kind)
	}
}

// tester is what testing.T and rapid.T share.
type tester interface {
	Helper()
	Fatal(args ...any)
	Errorf(format string, args ...any)
}

func must(t tester, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// limit is how long a test waits for what must come before it gives up.
const limit = 20 * time.Second

func within(t testing.TB, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(limit):
		t.Fatalf("%s did not come", what)
	}
}

// end is the position of the last event.
func end(t *testing.T, s eventlog.EndReader) eventlog.Position {
	t.Helper()
	p, err := s.End(t.Context())
	must(t, err)
	return p
}

func wantIncomplete(t tester, what string, err error) {
	t.Helper()
	if err == nil || domain.KindOf(err) != domain.Incomplete {
		t.Errorf("%s: err = %v, want kind incomplete", what, err)
	}
}
