package memory_test

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderflow/domain/eventlog"
	"orderflow/domain/eventlog/eventlogtest"
	"orderflow/infra/memory"
)

var (
	_ eventlog.Store     = (*memory.Log)(nil)
	_ eventlog.EndReader = (*memory.Log)(nil)
	_ eventlog.Snapshots = (*memory.Log)(nil)
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEventLog(t *testing.T) {
	eventlogtest.Run(t, func(testing.TB) eventlog.Store { return memory.New() })
}

func TestScavenged(t *testing.T) {
	eventlogtest.RunTruncated(t, func(testing.TB) (eventlog.Store, func(eventlog.Stream, eventlog.Version)) {
		log := memory.New()
		return log, log.Scavenge
	})
}

func TestCapabilities(t *testing.T) {
	eventlogtest.RunCapabilities(t, func(testing.TB) eventlog.Store { return memory.New() })
}

func TestSnapshots(t *testing.T) {
	eventlogtest.RunSnapshots(t, func(testing.TB) eventlog.Snapshots { return memory.New() })
}

func TestEventsAreStampedByTheGivenClock(t *testing.T) {
	at := time.Date(2026, 3, 1, 9, 0, 0, 0, time.FixedZone("", 3600))
	log := memory.NewAt(func() time.Time { return at })
	if _, err := log.Append(t.Context(), "a-1", 0, eventlog.Pending{ID: eventlog.EventID{1}, Type: "x"}); err != nil {
		t.Fatal(err)
	}
	for r, err := range log.Read(t.Context(), "a-1", 0) {
		if err != nil || !r.At.Equal(at) || r.At.Location() != time.UTC {
			t.Errorf("At = %v (err %v), want %v in UTC", r.At, err, at)
		}
	}
}
