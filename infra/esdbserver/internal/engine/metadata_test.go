package engine_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"orderflow/infra/esdbserver/internal/engine"
	"orderflow/infra/memory"
)

// TestTruncation says what a stream of five events shows under some metadata.
func TestTruncation(t *testing.T) {
	for _, c := range []struct{ metadata, shown string }{
		{`{}`, "a b c d e"},
		{`{"$maxCount":2}`, "d e"},
		{`{"$maxCount":9}`, "a b c d e"},
		{`{"$maxCount":0}`, "a b c d e"},
		{`{"$maxCount":-1}`, "a b c d e"},
		{`{"$maxCount":"2"}`, "a b c d e"},
		{`{"$maxCount":2.5}`, "a b c d e"},
		{`{"$tb":3}`, "d e"},
		{`{"$tb":5}`, ""},
		{`{"$tb":99}`, ""},
		{`{"$tb":-1}`, "a b c d e"},
		{`{"$tb":1,"$maxCount":2}`, "d e"},
		{`{"$tb":4,"$maxCount":2}`, "e"},
		{`{"$maxAge":0}`, "a b c d e"},
		{`{"$maxAge":9223372036854775807}`, "a b c d e"},
		{`{"$maxAge":60}`, "d e"},
		{`{"$maxAge":1}`, ""},
		{`{"$maxCount":null}`, "a b c d e"},
		{`no JSON`, "a b c d e"},
		{`[]`, "a b c d e"},
	} {
		t.Run(c.metadata, func(t *testing.T) {
			now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			clock := func() time.Time { return now }
			e := engine.New(memory.NewDenseAt(clock), engine.Options{Clock: clock})
			defer e.Close()
			for _, name := range []string{"a", "b", "c"} {
				must(t, e, "test-1", engine.Any, events(name))
			}
			now = now.Add(time.Hour)
			must(t, e, "test-1", engine.Any, events("d", "e"))
			now = now.Add(time.Minute)
			must(t, e, "$$test-1", engine.Any, metadata(c.metadata))
			got, err := named(t, e, "test-1")
			if err != nil || strings.Join(got, " ") != c.shown {
				t.Errorf("%v, %v", got, err)
			}
			var back []string
			for r, err := range e.ReadStream(ctx(t), "test-1", engine.NewestNumber, engine.Span{Backwards: true, Max: 100}) {
				if err != nil {
					t.Fatal(err)
				}
				back = append(back, string(r.Event.Data[1:2]))
			}
			slices.Reverse(back)
			if strings.Join(back, " ") != c.shown {
				t.Errorf("backwards %v", back)
			}
			if n := count(t, e); n != 6 {
				t.Errorf("all shows %d events; nothing is hidden there", n)
			}
		})
	}
}

// count reads all.
func count(t *testing.T, e *engine.Engine) (n int) {
	t.Helper()
	for _, err := range e.ReadAll(ctx(t), 0, engine.Span{Max: 1_000}, nil) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

// TestDelete follows a stream through its lives.
func TestDelete(t *testing.T) {
	logs(t, func(t *testing.T, log engine.Log) {
		e := newEngine(t, log)
		_, err := e.Delete(ctx(t), "test-1", engine.Any)
		if wrong, ok := errors.AsType[*engine.WrongExpectedError](err); !ok || wrong.Actual != -1 {
			t.Fatalf("what never was: %v", err)
		}
		must(t, e, "test-1", engine.NoStream, events("a", "b"))
		must(t, e, "$$test-1", engine.NoStream, metadata(`{"$maxCount":10,"custom":"x"}`))
		if _, err = e.Delete(ctx(t), "test-1", 0); err == nil {
			t.Fatal("deleted at the wrong number")
		}
		w, err := e.Delete(ctx(t), "test-1", 1)
		if end, _ := e.End(ctx(t)); err != nil || w.Position != end {
			t.Fatalf("%+v, %v; the log ends at %d", w, err, end)
		}
		m, err := e.Metadata(ctx(t), "test-1")
		if err != nil || !m.Gone() || string(m.Raw) != `{"$tb":9223372036854775807}` {
			t.Fatalf("%s, %v", m.Raw, err)
		}
		w = must(t, e, "test-1", engine.NoStream, events("c"))
		if w.Number != 2 {
			t.Fatalf("numbers go on: %+v", w)
		}
		if m, _ := e.Metadata(ctx(t), "test-1"); string(m.Raw) != `{"$tb":2}` {
			t.Fatalf("%s", m.Raw)
		}
		for _, e := range []*engine.Engine{e, newEngine(t, log)} {
			if names, err := named(t, e, "test-1"); err != nil || !slices.Equal(names, []string{"c"}) {
				t.Fatalf("%v, %v", names, err)
			}
		}
	})
}

// TestMetadataReopens says that metadata for a deleted stream begins it again.
func TestMetadataReopens(t *testing.T) {
	logs(t, func(t *testing.T, log engine.Log) {
		e := newEngine(t, log)
		must(t, e, "test-1", engine.NoStream, events("a", "b"))
		if _, err := e.Delete(ctx(t), "test-1", engine.Any); err != nil {
			t.Fatal(err)
		}
		w := must(t, e, "$$test-1", 0, metadata(`{"$maxCount":5}`))
		if w.Number != 1 {
			t.Errorf("%+v", w)
		}
		m, err := e.Metadata(ctx(t), "test-1")
		if err != nil || m.TruncateBefore != 2 || m.MaxCount != 5 {
			t.Errorf("%s, %v", m.Raw, err)
		}
		if names, err := named(t, e, "test-1"); err != nil || len(names) != 0 {
			t.Errorf("%v, %v; it is there and shows nothing", names, err)
		}
		if last, err := e.LastNumber(ctx(t), "$$test-1"); last != 2 || err != nil {
			t.Errorf("the metastream is at %d, %v", last, err)
		}
	})
}

// TestMetastream says that it shows its newest event, and ends with its stream.
func TestMetastream(t *testing.T) {
	e := newEngine(t, memory.NewDense())
	must(t, e, "$$test-1", engine.Any, metadata(`"old"`))
	must(t, e, "$$test-1", engine.Any, metadata(`"new"`))
	if names, err := named(t, e, "$$test-1"); err != nil || !slices.Equal(names, []string{"new"}) {
		t.Errorf("%v, %v", names, err)
	}
	if _, err := e.Tombstone(ctx(t), "test-1", engine.Any); err != nil {
		t.Fatal(err)
	}
	_, err := named(t, e, "$$test-1")
	if _, ok := errors.AsType[*engine.DeletedError](err); !ok {
		t.Errorf("%v", err)
	}
	_, err = e.Append(ctx(t), engine.Write{Stream: "$$test-1", Expected: engine.Any, Events: metadata(`{}`)})
	if _, ok := errors.AsType[*engine.DeletedError](err); !ok {
		t.Errorf("%v", err)
	}
}

// TestACL reads access control lists as they are written.
func TestACL(t *testing.T) {
	for _, c := range []struct {
		data string
		want *engine.ACL
	}{
		{`{}`, nil},
		{`{"$acl":null}`, nil},
		{`{"$acl":7}`, nil},
		{`{"$acl":{}}`, &engine.ACL{}},
		{`{"$acl":{"$r":"$all","$mw":3}}`, nil}, // one member that has the wrong form, and none counts
		{`{"$acl":{"$r":"$all","$mr":null}}`, nil},
		{`{"$acl":{"$r":"$all"},"$maxCount":"2"}`, nil},
		{`{"$acl":{"$r":"$all","$w":["a","b"],"$d":[]}}`, &engine.ACL{Read: []string{"$all"}, Write: []string{"a", "b"}, Delete: []string{}}},
	} {
		got, err := json.Marshal(engine.ParseMetadata([]byte(c.data)).ACL)
		want, err2 := json.Marshal(c.want)
		if err := errors.Join(err, err2); err != nil || string(got) != string(want) {
			t.Errorf("%s: %s; want %s, %v", c.data, got, want, err)
		}
	}
}

// TestOldEvents says that what is left of a long stream is found from anywhere.
func TestOldEvents(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	e := engine.New(memory.NewDenseAt(clock), engine.Options{Clock: clock})
	defer e.Close()
	const length = 500
	for i := range length {
		must(t, e, "s", engine.Any, events(fmt.Sprint(i)))
		now = now.Add(time.Second)
	}
	for _, left := range []int64{0, 1, 2, 63, 64, 65, 250, 499, 500} {
		must(t, e, "$$s", engine.Any, metadata(fmt.Sprintf(`{"$maxAge":%d}`, max(left, 1))))
		if left == 0 {
			now = now.Add(time.Hour)
		}
		for _, from := range []int64{0, 1, length - left - 1, length - left, length - 1} {
			want := min(left, length-max(from, 0))
			got := int64(0)
			for _, err := range e.ReadStream(ctx(t), "s", max(from, 0), engine.Span{Max: 1_000}) {
				if err != nil {
					t.Fatal(err)
				}
				got++
			}
			if got != want {
				t.Errorf("%d left, from %d: %d events, want %d", left, from, got, want)
			}
		}
		if left == 0 {
			now = now.Add(-time.Hour)
		}
	}
}
