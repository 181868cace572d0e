package engine_test

import (
	"bytes"
	"testing"

	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver/internal/engine"
	"orderflow/infra/memory"
)

// TestForms says in which form events lie in the log: as the system's own where
// they are like them, so that it reads what a node wrote, in an envelope else.
func TestForms(t *testing.T) {
	meta := eventlog.Meta{Command: "c", Correlation: "o"}
	for _, c := range []struct {
		name     string
		json     bool
		data     string
		metadata string
		stored   string
	}{
		{"the system's own", true, `{"a":1}`, string(meta.Encode()), `{"a":1}`},
		{"a copy of the system's own", true, `{"a":1}`, `{"recorded":"2026-03-01T09:00:00Z"}`, `{"a":1}`},
		{"other metadata", true, `{"a":1}`, `{"user":1}`, "\x00\x01\x01\x0a{\"user\":1}{\"a\":1}"},
		{"no metadata", true, `{"a":1}`, ``, "\x00\x01\x01\x00{\"a\":1}"},
		{"no JSON", true, `{"a"`, string(meta.Encode()), "\x00\x01\x01\x24" + string(meta.Encode()) + `{"a"`},
		{"binary", false, `{"a":1}`, string(meta.Encode()), "\x00\x01\x00\x24" + string(meta.Encode()) + `{"a":1}`},
		{"nothing", false, ``, ``, "\x00\x01\x00\x00"},
		{"what looks like an envelope", false, "\x00\x01\x00\x00", ``, "\x00\x01\x00\x00\x00\x01\x00\x00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			log := memory.NewDense()
			e := newEngine(t, log)
			must(t, e, "s", engine.Any, []engine.Proposed{{ID: id("a"), Type: "t", JSON: c.json, Data: []byte(c.data), Metadata: []byte(c.metadata)}})
			for r, err := range log.ReadAll(ctx(t), 0) {
				if err != nil || string(r.Data) != c.stored {
					t.Errorf("stored as %q, %v; want %q", r.Data, err, c.stored)
				}
			}
			for r, err := range e.ReadAll(ctx(t), 0, engine.Span{Max: 1}, nil) {
				if err != nil || r.Event.JSON != c.json || string(r.Event.Data) != c.data || string(r.Event.Metadata) != c.metadata {
					t.Errorf("read as %+v, %v", r.Event, err)
				}
			}
		})
	}
}

// FuzzStored reads whatever may lie in a log, and writes whatever clients may
// send: the one never panics, the other comes back as it was.
func FuzzStored(f *testing.F) {
	f.Add([]byte("\x00\x01\x01\x02{}{}"), []byte(`{"command":"c"}`), true)
	f.Add([]byte("\x00\x01\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), []byte(`1@s`), false)
	f.Add([]byte(`{"$tb":1,"$maxCount":2,"$maxAge":3,"$acl":{"$r":["a"]}}`), []byte(`{"$userStreamAcl":{"$r":"a"}}`), true)
	f.Fuzz(func(t *testing.T, data, metadata []byte, json bool) {
		log := memory.NewDense()
		e := engine.New(log, engine.Options{})
		defer e.Close()
		if _, err := log.Append(t.Context(), "$$raw", 0, eventlog.Pending{ID: id("raw"), Type: "t", Data: data}); err != nil {
			t.Skip() // more than a log takes
		}
		for range e.ReadStream(t.Context(), "$$raw", 0, engine.Span{Max: 1, ResolveLinks: true}) { //nolint:revive // reading is the test
		}
		_, _ = e.Metadata(t.Context(), "raw")
		engine.ParseSettings(data)
		if stream, number, ok := engine.ParseLink(data); ok {
			again, n, ok := engine.ParseLink(engine.Link(&engine.Event{Stream: stream, Number: number}))
			if !ok || again != stream || n != number {
				t.Errorf("the link %q comes back as %d@%q", data, n, again)
			}
		}
		if len(data) > engine.MaxAppendBytes || len(metadata) > engine.MaxAppendBytes {
			return
		}
		w := engine.Write{Stream: "s", Expected: engine.Any, Events: []engine.Proposed{{ID: id("a"), Type: "t", JSON: json, Data: data, Metadata: metadata}}}
		if _, err := e.Append(t.Context(), w); err != nil {
			t.Fatal(err)
		}
		for r, err := range e.ReadStream(t.Context(), "s", 0, engine.Span{Max: 1}) {
			if err != nil || !bytes.Equal(r.Event.Data, data) || !bytes.Equal(r.Event.Metadata, metadata) || r.Event.JSON != json {
				t.Errorf("%+v, %v", r.Event, err)
			}
		}
	})
}
