package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"orderflow/cmd/orderflow/internal/node"
	"orderflow/cmd/orderflow/internal/terminal"
	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/order"
	"orderflow/infra/memory"
)

// Sizes of the copied histories: in every direction, and of a long one.
const (
	copiedEvents     = 5_000
	copiedEventsLong = 100_000
)

// TestCopyInAllDirections copies a history from every kind of log to every kind,
// and demands of each copy what the first one had: order, content and times. A
// second run finds everything there.
func TestCopyInAllDirections(t *testing.T) {
	chance := seeded(t)
	log, events := randomHistory(t, chance, copiedEvents)
	first := copyEnd{inMemory{log}, "the history"}
	want := ownEvents(t, log)
	for _, from := range slices.Sorted(maps.Keys(copyKinds())) {
		source := first
		if from != "memory" {
			source = copyKinds()[from](t)
			mustCopy(t, first, source)
		}
		for _, to := range slices.Sorted(maps.Keys(copyKinds())) {
			t.Run("from "+from+" to "+to, func(t *testing.T) {
				target := copyKinds()[to](t)
				r := mustCopy(t, source, target)
				if r.Copied != events || r.Target.Events != events || r.Passed != 0 {
					t.Errorf("%d copied, %d passed over, of %d: %+v", r.Copied, r.Passed, events, r)
				}
				if from == "memory" && (r.Others == 0 || r.System == 0) {
					t.Errorf("%d events of others and %d of the system were counted", r.Others, r.System)
				}
				wantCopied(t, ownEvents(t, target.log), want)
				if again := mustCopy(t, source, target); again.Copied != 0 || again.Passed != events {
					t.Errorf("again: %d copied, %d passed over", again.Copied, again.Passed)
				}
			})
		}
	}
}

// TestCopyOfALongHistory goes from log to log, each of another kind.
func TestCopyOfALongHistory(t *testing.T) {
	if testing.Short() {
		t.Logf("in short form: %d events, in TestCopyInAllDirections", copiedEvents)
		return
	}
	log, events := randomHistory(t, seeded(t), copiedEventsLong)
	source := copyEnd{inMemory{log}, "the history"}
	for _, kind := range []string{"pebble", "node", "pebble", "node with TLS", "memory"} {
		target := copyKinds()[kind](t)
		r := mustCopy(t, source, target)
		t.Logf("to %s: %d events in %.2f s, %.0f/s, and with all comparing %d", kind, r.Copied, r.CopySeconds, r.EventsPerSecond, r.Target.Events)
		if r.Copied != events {
			t.Errorf("to %s: %d events of %d were copied", kind, r.Copied, events)
		}
		source = target
	}
	wantCopied(t, ownEvents(t, source.log), ownEvents(t, log))
}

// wantCopied compares field by field, without the digests.
func wantCopied(t *testing.T, got, want []eventlog.Recorded) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d events, want %d", len(got), len(want))
	}
	for i, w := range want {
		g := got[i]
		w.Meta.Recorded, g.Meta.Recorded = "", ""
		if g.Stream != w.Stream || g.Version != w.Version || g.ID != w.ID || g.Type != w.Type || !bytes.Equal(g.Data, w.Data) || g.Meta != w.Meta || !g.At.Equal(w.At) {
			t.Fatalf("event %d is\n%+v\nwant\n%+v", i, g, w)
		}
	}
}

// TestCopyKeepsTimesBothWays copies to a server, which stamps times of its own,
// and back: the nanosecond is the same, and goes on being so for what comes later.
func TestCopyKeepsTimesBothWays(t *testing.T) {
	at := time.Date(2010, 12, 1, 8, 26, 0, 123_456_789, time.UTC)
	log := memory.NewAt(func() time.Time { return at })
	add := func(s eventlog.Stream, v eventlog.Version) {
		t.Helper()
		p := eventlog.Pending{ID: eventlog.NewEventID("times", s, int(v)), Type: "tested.v1", Data: []byte("{}")}
		if _, err := log.Append(t.Context(), s, v, p); err != nil {
			t.Fatal(err)
		}
		at = at.Add(time.Nanosecond)
	}
	add("order-1", 0)
	add("order-2", 0)
	source, there, back := copyEnd{inMemory{log}, "memory"}, copyKinds()["node"](t), copyKinds()["pebble"](t)
	mustCopy(t, source, there)
	mustCopy(t, there, back)
	add("order-1", 1)
	if r := mustCopy(t, source, there); r.Copied != 1 || r.Passed != 2 {
		t.Errorf("of the rest %d were copied, %d passed over", r.Copied, r.Passed)
	}
	mustCopy(t, there, back)
	wantCopied(t, ownEvents(t, back.log), ownEvents(t, log))
	for _, r := range ownEvents(t, back.log) {
		if r.Meta.Recorded != eventlog.RecordedText(r.At) {
			t.Errorf("%s %d is of %s and says %s", r.Stream, r.Version, r.At, r.Meta.Recorded)
		}
	}
	if r := mustCopy(t, back, source); r.Copied != 0 || r.Passed != 3 { // and the original is the beginning of its copy
		t.Errorf("back to the original %d were copied, %d passed over", r.Copied, r.Passed)
	}
}

// TestCopyRefusesTargets that hold something else, and leaves them as they are.
func TestCopyRefusesTargets(t *testing.T) {
	chance := seeded(t)
	log, events := randomHistory(t, chance, 300)
	source := copyEnd{inMemory{log}, "the history"}
	for name, kind := range copyKinds() {
		t.Run(name, func(t *testing.T) {
			add := func(to copyEnd, s eventlog.Stream, v eventlog.Version) {
				t.Helper()
				if _, err := to.log.Append(t.Context(), s, v, randomEvent(chance, s, 9_000)); err != nil {
					t.Fatal(err)
				}
			}
			other := kind(t)
			add(other, "theirs-9", 0) // of others, which is no reason
			add(other, "order-9", 0)
			var r copyReport
			wantKind(t, workOn(source, other).copyAll(t.Context(), &r), domain.Conflict, "holds other events", "order-9", "--to")
			if have := ownEvents(t, other.log); len(have) != 1 {
				t.Errorf("%d events are in a target that was refused", len(have))
			}
			ahead := kind(t)
			add(ahead, "theirs-9", 0)
			mustCopy(t, source, ahead)
			add(ahead, "order-new", 0)
			wantKind(t, workOn(source, ahead).copyAll(t.Context(), &r), domain.Conflict, "goes on with others", "order-new", "Copy from it")
			if have := ownEvents(t, ahead.log); int64(len(have)) != events+1 {
				t.Errorf("%d events are in a target that was ahead", len(have))
			}
			if err := workOn(source, ahead).verify(t.Context(), &r, -1); err != nil || r.Equal || r.DifferentStreams != 1 {
				t.Errorf("verified: %v, %+v", err, r)
			}
			wantKind(t, r.verdict(), domain.Conflict, "not equal")
			mustCopy(t, ahead, source) // the way back
			log, events = randomHistory(t, chance, 300)
			source = copyEnd{inMemory{log}, "the history"}
		})
	}
}

// TestCopyRefusesHoles before anything is appended, and names the streams.
func TestCopyRefusesHoles(t *testing.T) {
	log, chance := memory.New(), seeded(t)
	for _, s := range []eventlog.Stream{"order-1", "payment-2", "order-3", "theirs-4"} {
		for v := range eventlog.Version(5) {
			if _, err := log.Append(t.Context(), s, v, randomEvent(chance, s, int(v))); err != nil {
				t.Fatal(err)
			}
		}
	}
	log.Scavenge("theirs-4", 3) // of others, which is no reason
	source, target := copyEnd{inMemory{log}, "the history"}, copyKinds()["node"](t)
	mustCopy(t, source, copyKinds()["memory"](t))
	log.Scavenge("payment-2", 4)
	log.Scavenge("order-3", 2)
	var r copyReport
	wantKind(t, workOn(source, target).copyAll(t.Context(), &r), domain.Incomplete, "2 streams", "payment-2 lacks the events from version 1 to 3", "order-3 lacks", "nothing was copied")
	hidden := copyEnd{hiding{inMemory{memory.New()}, nil}, "the server"}
	wantKind(t, workOn(hidden, target).copyAll(t.Context(), &r), domain.Incomplete, "order-gone was deleted")
	silent := copyEnd{hiding{inMemory{memory.New()}, domain.Errorf(domain.ReadOnly, "no right to tell")}, "the server"}
	wantKind(t, workOn(silent, target).copyAll(t.Context(), &r), domain.ReadOnly, "no right to tell")
	if have := ownEvents(t, target.log); len(have) > 0 {
		t.Errorf("%d events were copied", len(have))
	}
}

// hiding is a log with a stream that was deleted, and of which nothing is left;
// or one that cannot tell.
type hiding struct {
	inMemory
	err error
}

func (h hiding) TruncatedStreams(context.Context, ...string) ([]eventlog.Truncated, int, error) {
	return []eventlog.Truncated{{Stream: "order-gone", How: "deleted"}}, 1, h.err
}

// TestCopyRefusesWhatATargetCannotTake before anything is appended.
func TestCopyRefusesWhatATargetCannotTake(t *testing.T) {
	good := eventlog.Pending{ID: eventlog.EventID{1}, Type: "tested.v1", Data: []byte("{}")}
	large, half := good, good
	large.Data = bytes.Repeat([]byte("x"), 2<<20)
	half.Meta.Actor = "\xff"
	for name, c := range map[string]struct {
		stream eventlog.Stream
		event  eventlog.Pending
	}{"too large": {"order-1", large}, "metadata": {"order-1", half}, "name": {"order-\xff", good}} {
		t.Run(name, func(t *testing.T) {
			log := memory.New()
			for _, s := range []eventlog.Stream{"order-0", c.stream} {
				e := good
				if s == c.stream {
					e = c.event
				}
				if _, err := log.Append(t.Context(), s, 0, e); err != nil {
					t.Fatal(err)
				}
			}
			source, target := copyEnd{inMemory{log}, "the history"}, copyKinds()["node"](t)
			var r copyReport
			wantKind(t, workOn(source, target).copyAll(t.Context(), &r), domain.Invalid, "cannot be copied to", "so nothing was")
			if have := ownEvents(t, target.log); len(have) > 0 {
				t.Errorf("%d events were copied", len(have))
			}
			mustCopy(t, source, copyKinds()["pebble"](t)) // which takes it
		})
	}
}

// flaky is a log that fails now and then: before it does what it is asked for,
// after it, or for good.
type flaky struct {
	inMemory
	fails func() (before, after error)
}

func (f flaky) AppendTogether(ctx context.Context, writes ...eventlog.Write) ([]eventlog.Appended, error) {
	before, after := f.fails()
	if before != nil {
		return nil, before
	}
	answers, err := f.inMemory.AppendTogether(ctx, writes...)
	if err == nil && after != nil {
		return nil, after
	}
	return answers, err
}

// TestCopyOfAnyHistory copies random streams, is interrupted at random appends,
// loses random answers, and ends equal whenever it is run again.
func TestCopyOfAnyHistory(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		log := memory.New()
		heads := map[eventlog.Stream]eventlog.Version{}
		streams := rapid.SampledFrom([]eventlog.Stream{"order-1", "order-2", "stock-main", "payment-1", "fulfilment-1", "theirs-1", "$own"})
		for i := range rapid.IntRange(0, 60).Draw(rt, "appends") {
			s := streams.Draw(rt, "stream")
			var events []eventlog.Pending
			for j := range rapid.IntRange(1, 4).Draw(rt, "events") {
				events = append(events, eventlog.Pending{
					ID: eventlog.NewEventID(rapid.String().Draw(rt, "command"), s, 100*i+j), Type: "tested.v1",
					Data: rapid.SliceOf(rapid.Byte()).Draw(rt, "data"), Meta: eventlog.Meta{Actor: rapid.String().Draw(rt, "actor")},
				})
			}
			a, err := log.Append(t.Context(), s, heads[s], events...)
			if err != nil {
				rt.Fatal(err)
			}
			heads[s] = a.Version
		}
		broken := errors.New("pulled the plug")
		target := memory.New()
		source := copyEnd{inMemory{log}, "source"}
		for range rapid.IntRange(0, 4).Draw(rt, "interruptions") {
			left := rapid.IntRange(0, 10).Draw(rt, "appends before it")
			to := flaky{inMemory{target}, func() (before, after error) {
				if left--; left == 0 {
					return broken, nil
				}
				return nil, nil
			}}
			if rapid.Bool().Draw(rt, "after it was stored") {
				to.fails = func() (before, after error) {
					if left--; left == 0 {
						return nil, broken
					}
					return nil, nil
				}
			}
			var r copyReport
			if err := workOn(source, copyEnd{to, "target"}).copyAll(t.Context(), &r); err != nil && !errors.Is(err, broken) {
				rt.Fatal(err)
			}
		}
		var r copyReport
		w := workOn(source, copyEnd{inMemory{target}, "target"})
		w.most = rapid.IntRange(1, 5).Draw(rt, "streams held at once")
		listed := map[eventlog.Stream]int64{}
		w.each = func(s eventlog.Stream, from, to streamSum) error {
			if from != to {
				rt.Errorf("%s differs", s)
			}
			listed[s] += from.events
			return nil
		}
		if err := errors.Join(w.copyAll(t.Context(), &r), r.verdict()); err != nil {
			rt.Fatal(err)
		}
		wantCopied(t, ownEvents(t, target), ownEvents(t, log))
		delete(heads, "theirs-1")
		delete(heads, "$own")
		if int64(len(heads)) != r.Source.Streams || len(listed) != len(heads) {
			rt.Errorf("%d streams were counted and %d listed, of %d", r.Source.Streams, len(listed), len(heads))
		}
		for s, v := range heads {
			if listed[s] != int64(v) {
				rt.Errorf("%s is listed with %d events, it has %d", s, listed[s], v)
			}
		}
	})
}

// TestCopyOutlastsOutages repeats what was not answered, and gives up in the end.
func TestCopyOutlastsOutages(t *testing.T) {
	log, events := randomHistory(t, seeded(t), 500)
	source := copyEnd{inMemory{log}, "the history"}
	n := 0
	to := copyEnd{flaky{inMemory{memory.New()}, func() (before, after error) {
		switch n++; n {
		case 2:
			return domain.Errorf(domain.Unavailable, "there is no leader"), nil
		case 4:
			return nil, domain.Errorf(domain.Unknown, "the answer was lost")
		}
		return nil, nil
	}}, "target"}
	if r := mustCopy(t, source, to); r.Copied != events {
		t.Errorf("%d copied of %d", r.Copied, events)
	}
	var o outage
	full := domain.Errorf(domain.Unavailable, "there is no leader")
	if err := o.wait(t.Context(), full); err != nil {
		t.Error(err)
	}
	o.begun = o.begun.Add(-copyPatience)
	if err := o.wait(t.Context(), full); !errors.Is(err, full) {
		t.Errorf("after two minutes: %v", err)
	}
	lost := domain.Errorf(domain.Invalid, "too large")
	if err := new(outage).wait(t.Context(), lost); !errors.Is(err, lost) {
		t.Errorf("what cannot be repeated: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := new(outage).wait(ctx, full); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

// TestCopyNoticesAnotherWriter that writes to the target meanwhile.
func TestCopyNoticesAnotherWriter(t *testing.T) {
	chance := seeded(t)
	log, _ := randomHistory(t, chance, 500)
	target := memory.New()
	n := 0
	to := copyEnd{flaky{inMemory{target}, func() (before, after error) {
		if n++; n == 2 {
			if _, err := target.Append(t.Context(), "order-new", 0, randomEvent(chance, "order-new", 0)); err != nil {
				t.Error(err)
			}
		}
		return nil, nil
	}}, "target"}
	var r copyReport
	if err := workOn(copyEnd{inMemory{log}, "the history"}, to).copyAll(t.Context(), &r); err != nil {
		t.Fatal(err)
	}
	wantKind(t, r.verdict(), domain.Conflict, "not equal")
	if r.DifferentStreams != 1 || !strings.Contains(strings.Join(r.Different, ""), "order-new") {
		t.Errorf("%+v", r)
	}
}

// TestCopyOfALogThatGrows copies what there was, and says that there is more.
func TestCopyOfALogThatGrows(t *testing.T) {
	chance := seeded(t)
	log, events := randomHistory(t, chance, 500)
	to := copyEnd{inMemory{memory.New()}, "target"}
	w := workOn(copyEnd{inMemory{log}, "the history"}, to)
	w.watch = func(what string, _ int64) (func(int64), func()) {
		return func(int64) {}, func() {
			if what == "copying the log" {
				if _, err := log.Append(t.Context(), order.Stream("new"), 0, randomEvent(chance, "order-new", 0)); err != nil {
					t.Error(err)
				}
			}
		}
	}
	var r copyReport
	if err := errors.Join(w.copyAll(t.Context(), &r), r.verdict()); err != nil {
		t.Fatal(err)
	}
	if !r.SourceWentOn || r.Source.Events != events {
		t.Errorf("%+v", r)
	}
	w.watch = workOn(w.from, w.to).watch
	r = copyReport{}
	if err := errors.Join(w.copyAll(t.Context(), &r), r.verdict()); err != nil || r.SourceWentOn || r.Copied != 1 {
		t.Errorf("the rest: %v, %+v", err, r)
	}
}

// TestCopyTellsNoSecret in errors or in what it prints.
func TestCopyTellsNoSecret(t *testing.T) {
	var out, said bytes.Buffer
	secret := secureStoreOn(t, nodeLog(t))
	dir := t.TempDir()
	if err := endAt(t, dir).log.Close(); err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.NewTextHandler(&said, nil))
	c := logCopyCmd{From: dir, To: secret}
	if err := c.Run(t.Context(), terminal.Streams{Out: &out, Err: &said}, logger); err != nil {
		t.Fatal(err)
	}
	c.To = strings.Replace(secret, "changeit", "hunter2", 1)
	wantKind(t, c.Run(t.Context(), terminal.Streams{Out: &out, Err: &said}, logger), domain.Unavailable, "--to")
	for _, secret := range []string{"changeit", "hunter2"} {
		if strings.Contains(out.String()+said.String(), secret) {
			t.Errorf("the password is told: %s%s", out.String(), said.String())
		}
	}
	c.From = c.To
	wantKind(t, c.Run(t.Context(), terminal.Streams{Out: &out, Err: &said}, logger), domain.Invalid, "the same log")
}

// TestMovedViewsAreRefused where the events have other positions, and those of a
// log that came back are not.
func TestMovedViewsAreRefused(t *testing.T) {
	here := node.Config{Data: t.TempDir()}
	work(t, here, "one")
	served := memory.NewDense()
	if _, err := served.Append(t.Context(), "theirs-1", 0, randomEvent(seeded(t), "theirs-1", 0)); err != nil {
		t.Fatal(err)
	}
	there := node.Config{Data: t.TempDir(), EventStore: storeOn(t, served)}
	move := func(from, to string) {
		t.Helper()
		c := logCopyCmd{From: from, To: to}
		if err := c.Run(t.Context(), terminal.Streams{Out: io.Discard, Err: io.Discard}, slog.New(slog.DiscardHandler)); err != nil {
			t.Fatal(err)
		}
	}
	move(here.Data, there.EventStore)
	if err := refused(t, node.Config{Data: here.Data, EventStore: there.EventStore}); domain.KindOf(err) != domain.Conflict {
		t.Error(err)
	}
	work(t, there, "two")
	move(there.EventStore, here.Data)
	work(t, here, "three")
}
