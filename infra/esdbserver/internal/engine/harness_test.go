package engine_test

import (
	"context"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"

	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver/internal/engine"
	"orderflow/infra/memory"
	"orderflow/infra/pebblelog"
)

// patience bounds every wait of these tests.
const patience = 30 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// logs are what an engine can stand on.
func logs(t *testing.T, run func(t *testing.T, log engine.Log)) {
	t.Run("memory", func(t *testing.T) { run(t, memory.NewDense()) })
	t.Run("pebble", func(t *testing.T) {
		log, err := pebblelog.Open("log", pebblelog.Options{FS: vfs.NewMem(), IndexIDs: true, LongNames: true, Disk: pebblelog.Disk{Usage: func() (vfs.DiskUsage, error) { return vfs.DiskUsage{AvailBytes: 1 << 40, TotalBytes: 1 << 41}, nil }}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := log.Close(); err != nil {
				t.Error(err)
			}
		})
		run(t, log)
	})
}

func newEngine(t testing.TB, log engine.Log) *engine.Engine {
	e := engine.New(log, engine.Options{})
	t.Cleanup(e.Close)
	return e
}

func ctx(t testing.TB) context.Context {
	t.Helper()
	c, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return c
}

// id is that of the event called name.
func id(name string) eventlog.EventID { return eventlog.NewEventID(name, "", 0) }

// events are one for each name.
func events(names ...string) []engine.Proposed {
	list := make([]engine.Proposed, len(names))
	for i, n := range names {
		list[i] = engine.Proposed{ID: id(n), Type: "tested.v1", JSON: true, Data: []byte(`"` + n + `"`)}
	}
	return list
}

// named returns the names of events, by their data.
func named(t testing.TB, e *engine.Engine, stream string) (names []string, err error) {
	t.Helper()
	for r, err := range e.ReadStream(ctx(t), stream, 0, engine.Span{Max: 1_000}) {
		if err != nil {
			return names, err
		}
		names = append(names, string(r.Event.Data[1:len(r.Event.Data)-1]))
	}
	return names, nil
}

// must appends.
func must(t testing.TB, e *engine.Engine, stream string, expected engine.Expected, list []engine.Proposed) engine.Written {
	t.Helper()
	w, err := e.Append(ctx(t), engine.Write{Stream: stream, Expected: expected, Events: list})
	if err != nil {
		t.Fatalf("append to %s: %v", stream, err)
	}
	return w
}

// metadata returns an event of a metastream.
func metadata(data string) []engine.Proposed {
	return []engine.Proposed{{ID: id(data + time.Now().String()), Type: engine.MetadataType, JSON: true, Data: []byte(data)}}
}
