package engine_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"orderflow/infra/esdbserver/internal/engine"
)

// TestRules is one table of expectation and idempotency: given appends, deletes
// and metadata, when there is one more append, then it is stored, a repeat or
// refused.
func TestRules(t *testing.T) {
	const (
		stored  = "stored"
		wrong   = "wrong"
		deleted = "deleted"
	)
	for _, c := range []struct {
		given    string // words: names are appended one by one, see prepare
		expected engine.Expected
		events   string
		then     string // stored, wrong, deleted, or the number a repeat ends at
		left     string // in the stream
	}{
		{"", engine.Any, "a", stored, "a"},
		{"", engine.NoStream, "a b", stored, "a b"},
		{"", engine.StreamExists, "a", wrong, ""},
		{"", 0, "a", wrong, ""},
		{"", 7, "a", wrong, ""},
		{"a", engine.NoStream, "b", wrong, "a"},
		{"a", 0, "b", stored, "a b"},
		{"a", 1, "b", wrong, "a"},
		{"a", engine.StreamExists, "b", stored, "a b"},
		{"a", engine.Any, "b", stored, "a b"},

		// repeats
		{"a", engine.Any, "a", "0", "a"},
		{"a", engine.StreamExists, "a", "0", "a"},
		{"a b c", engine.Any, "b", "1", "a b c"},
		{"a b c", engine.Any, "a b", "1", "a b c"},
		{"a b c", engine.Any, "b c", "2", "a b c"},
		{"a b c", engine.Any, "c a", "0", "a b c"}, // as upstream: the last one's number
		{"a b c", engine.NoStream, "a b c", "2", "a b c"},
		{"a b c", engine.NoStream, "a", "0", "a b c"},
		{"a b c", 0, "b c", "2", "a b c"},
		{"a b c", 0, "b", "1", "a b c"},
		{"a b c", 0, "c", wrong, "a b c"},
		{"a b", 0, "b c", wrong, "a b"}, // half of it
		{"a b", engine.Any, "b c", wrong, "a b"},
		{"a b", engine.Any, "c b", stored, "a b c b"}, // the first one is new
		{"a b", 1, "b", stored, "a b b"},              // at the end ids are not looked at
		{"a", 0, "b b b", stored, "a b b b"},          // equal ids in one append

		// the id is in another stream
		{"other:a", engine.Any, "a", stored, "a"},
		{"a other:a", engine.Any, "a", stored, "a a"},
		{"a other:a", engine.NoStream, "a", "0", "a"}, // by place, not by id

		// no events
		{"", engine.Any, "", "-1", ""},
		{"", engine.NoStream, "", "-1", ""},
		{"", engine.StreamExists, "", wrong, ""},
		{"a b", 1, "", "1", "a b"},
		{"a b", 0, "", wrong, "a b"},
		{"a b", engine.Any, "", "1", "a b"},

		// deleted, and begun again
		{"a b -", engine.Any, "c", stored, "c"},
		{"a b -", engine.NoStream, "c", stored, "c"},
		{"a b -", 1, "c", stored, "c"},
		{"a b -", 0, "c", wrong, "gone"},
		{"a b -", 2, "c", wrong, "gone"},
		{"a b -", engine.StreamExists, "c", deleted, "gone"},
		{"a b -", engine.Any, "a", "0", "gone"},
		{"a b -", engine.NoStream, "a", "0", "gone"},
		{"a b - c", engine.NoStream, "d", wrong, "c"},
		{"a b - c", engine.StreamExists, "d", stored, "c d"},

		// only metadata
		{"m", engine.StreamExists, "a", stored, "a"},
		{"m", engine.NoStream, "a", stored, "a"},
		{"m -", engine.Any, "a", stored, "a"},

		// ended for ever
		{"a !", engine.Any, "b", deleted, "ended"},
		{"a !", engine.Any, "a", deleted, "ended"},
		{"a !", engine.NoStream, "b", deleted, "ended"},
		{"a !", engine.StreamExists, "b", deleted, "ended"},
		{"a !", 0, "b", deleted, "ended"},
		{"!", engine.Any, "b", deleted, "ended"},
		{"a - !", engine.Any, "b", deleted, "ended"},
	} {
		t.Run(fmt.Sprintf("%s/%d/%s", c.given, c.expected, c.events), func(t *testing.T) {
			logs(t, func(t *testing.T, log engine.Log) {
				e := newEngine(t, log)
				prepare(t, e, c.given)
				for _, e := range []*engine.Engine{e, newEngine(t, log)} { // the second knows nothing but the log
					before, err := e.LastNumber(ctx(t), "test-1")
					if err != nil {
						t.Fatal(err)
					}
					list := strings.Fields(c.events)
					w, err := e.Append(ctx(t), engine.Write{Stream: "test-1", Expected: c.expected, Events: events(list...)})
					wrongErr, isWrong := errors.AsType[*engine.WrongExpectedError](err)
					_, isDeleted := errors.AsType[*engine.DeletedError](err)
					switch {
					case isWrong:
						if c.then != wrong || wrongErr.Actual != before || wrongErr.Expected != c.expected {
							t.Fatalf("%v; want %s", err, c.then)
						}
					case isDeleted:
						if c.then != deleted {
							t.Fatalf("%v; want %s", err, c.then)
						}
					case err != nil:
						t.Fatal(err)
					case c.then == stored:
						if w.Number != before+int64(len(list)) || !w.HasPosition {
							t.Fatalf("%+v after %d", w, before)
						}
					case fmt.Sprint(w.Number) != c.then:
						t.Fatalf("%+v; want %s", w, c.then)
					}
					check(t, e, c.left)
					if c.then == stored {
						break // a second one would be another case
					}
				}
			})
		})
	}
}

// prepare follows a script: "a" appends an event, "other:a" one to another
// stream, "m" metadata; "-" deletes the stream and "!" ends it.
func prepare(t *testing.T, e *engine.Engine, script string) {
	t.Helper()
	for _, word := range strings.Fields(script) {
		var err error
		switch {
		case word == "-":
			_, err = e.Delete(ctx(t), "test-1", engine.Any)
		case word == "!":
			_, err = e.Tombstone(ctx(t), "test-1", engine.Any)
		case word == "m":
			must(t, e, "$$test-1", engine.Any, metadata(`{"custom":1}`))
		case strings.HasPrefix(word, "other:"):
			must(t, e, "test-2", engine.Any, events(strings.TrimPrefix(word, "other:")))
		default:
			must(t, e, "test-1", engine.Any, events(word))
		}
		if err != nil {
			t.Fatalf("%s: %v", word, err)
		}
	}
}

// check compares what the stream holds.
func check(t *testing.T, e *engine.Engine, want string) {
	t.Helper()
	got, err := named(t, e, "test-1")
	text := strings.Join(got, " ")
	if _, ok := errors.AsType[*engine.NotFoundError](err); ok {
		text, err = "gone", nil
		if want == "" {
			text = ""
		}
	}
	if _, ok := errors.AsType[*engine.DeletedError](err); ok {
		text, err = "ended", nil
	}
	if err != nil || text != want {
		t.Fatalf("the stream holds %q, %v; want %q", text, err, want)
	}
}

// TestRepeatAnswers says that a repeat is answered as the first time.
func TestRepeatAnswers(t *testing.T) {
	logs(t, func(t *testing.T, log engine.Log) {
		e := newEngine(t, log)
		var first []engine.Written
		for _, names := range [][]string{{"a", "b"}, {"c"}, {"d", "e", "f"}} {
			first = append(first, must(t, e, "test-1", engine.Any, events(names...)))
			must(t, e, "test-2", engine.Any, events("x"+names[0]))
		}
		for i, names := range [][]string{{"a", "b"}, {"c"}, {"d", "e", "f"}} {
			for _, e := range []*engine.Engine{e, newEngine(t, log)} {
				if again := must(t, e, "test-1", engine.Any, events(names...)); again != first[i] {
					t.Errorf("%v: %+v; was %+v", names, again, first[i])
				}
			}
		}
		positions := map[string]uint64{}
		for r, err := range e.ReadStream(ctx(t), "test-1", 0, engine.Span{Max: 10}) {
			if err != nil {
				t.Fatal(err)
			}
			positions[string(r.Event.Data)] = r.Event.Position
		}
		if first[0].Position != positions[`"b"`] || first[1].Position != positions[`"c"`] || first[2].Position != positions[`"f"`] {
			t.Errorf("%v; the stream says %v", first, positions)
		}
	})
}

// TestTogether says that several streams are written all or none.
func TestTogether(t *testing.T) {
	logs(t, func(t *testing.T, log engine.Log) {
		e := newEngine(t, log)
		must(t, e, "test-1", engine.NoStream, events("a"))
		_, err := e.AppendTogether(ctx(t),
			engine.Write{Stream: "test-2", Expected: engine.NoStream, Events: events("x")},
			engine.Write{Stream: "test-1", Expected: engine.NoStream, Events: events("y")})
		if _, ok := errors.AsType[*engine.WrongExpectedError](err); !ok {
			t.Fatalf("%v", err)
		}
		if n, err := e.LastNumber(ctx(t), "test-2"); n != -1 || err != nil {
			t.Fatalf("test-2 is at %d, %v", n, err)
		}
		w, err := e.AppendTogether(ctx(t),
			engine.Write{Stream: "test-2", Expected: engine.NoStream, Events: events("x", "y")},
			engine.Write{Stream: "test-1", Expected: 0, Events: events("z")},
			engine.Write{Stream: "$$test-1", Expected: engine.NoStream, Events: metadata(`{"$maxCount":1}`)})
		if err != nil || w[0].Number != 1 || w[1].Number != 1 || w[2].Number != 0 {
			t.Fatalf("%+v, %v", w, err)
		}
		if names, err := named(t, e, "test-1"); !slices.Equal(names, []string{"z"}) || err != nil {
			t.Fatalf("%v, %v", names, err)
		}
	})
}
