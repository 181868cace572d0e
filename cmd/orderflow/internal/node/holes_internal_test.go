package node

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"orderflow/cmd/orderflow/internal/audit"
	"orderflow/cmd/orderflow/internal/terminal"
	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/payment"
	"orderflow/infra/memory"
)

// limitedLog is a log that says which of its streams it limits.
type limitedLog struct {
	*memory.Log
	list     []eventlog.Truncated
	failures int // answers that are an error, before the list
}

func (l *limitedLog) TruncatedStreams(_ context.Context, categories ...string) ([]eventlog.Truncated, int, error) {
	if len(categories) != 6 {
		return nil, 0, fmt.Errorf("asked for %v", categories)
	}
	if l.failures > 0 {
		l.failures--
		return nil, 0, domain.Errorf(domain.Unavailable, "no")
	}
	return l.list, len(l.list), nil
}

func (l *limitedLog) Close() error { return nil }

// fillPayments appends n payments of three events each.
func fillPayments(t *testing.T, log eventlog.Store, n int) {
	t.Helper()
	for i := range n {
		s := payment.Stream(domain.OrderID(fmt.Sprintf("o%04d", i)))
		for v, e := range []payment.Event{
			payment.AttemptStarted{Attempt: 1, Amount: domain.GBP(5)}, payment.OutcomeUnknown{}, payment.Captured{Amount: domain.GBP(5)},
		} {
			p, err := payment.Codec.Encode(e)
			if err != nil {
				t.Fatal(err)
			}
			p.ID = eventlog.NewEventID(fmt.Sprint(i, v), s, 0)
			if _, err := log.Append(t.Context(), s, eventlog.Version(v), p); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Streams that lack events are counted and named, those that were scavenged by
// their versions and those that are only hidden by what the store says of them.
func TestReplayNamesStreamsThatLackEvents(t *testing.T) {
	log := &limitedLog{Log: memory.New()}
	fillPayments(t, log, 3_000) // more than one stretch
	whole, err := audit.Replay(t.Context(), log, func(eventlog.Position, int64) {})
	if err != nil || whole.IncompleteStreams != 0 || whole.Err() != nil || whole.Streams != 3_000 {
		t.Fatalf("%+v, %v", whole, err)
	}
	for i := range 30 {
		log.Scavenge(payment.Stream(domain.OrderID(fmt.Sprintf("o%04d", 100*i))), 3)
	}
	log.list = []eventlog.Truncated{{Stream: "payment-o0000", How: "$maxCount 1"}, {Stream: "payment-o0001", How: "$maxCount 9"}, {Stream: "order-x", How: "deleted"}}
	want := func(r audit.Holes) {
		t.Helper()
		if r.IncompleteStreams != 31 || len(r.Incomplete) != audit.MaxHolesTold || r.LimitedStreams != 3 {
			t.Errorf("%+v", r)
		}
		if first := r.Incomplete[0]; first != (audit.Hole{Stream: "payment-o0000", Missing: "events 1 to 2"}) {
			t.Errorf("%+v", first)
		}
		if err := r.Err(); domain.KindOf(err) != domain.Incomplete || terminal.ExitCode(err) != terminal.ExitFailed || !strings.Contains(err.Error(), "31 streams") {
			t.Error(err)
		}
		var text bytes.Buffer
		r.Show(&text)
		for _, line := range []string{"payment-o0100 lacks events 1 to 2.", "… and 11 more.", "payment-o0001 is limited in the event store: $maxCount 9."} {
			if !strings.Contains(text.String(), line) {
				t.Errorf("no %q in\n%s", line, &text)
			}
		}
	}
	cut, err := audit.Replay(t.Context(), log, func(eventlog.Position, int64) {})
	if err != nil {
		t.Fatal(err)
	}
	want(cut.Holes)
	verified, err := VerifyServed(t.Context(), log, func(eventlog.Position, eventlog.Position) {})
	if err != nil || verified.OK || !verified.Served || verified.Events != 9_000-60 || verified.Streams != 3_000 {
		t.Errorf("%+v, %v", verified, err)
	}
	want(verified.Holes)
}

func TestDeletedStreamsAreNamed(t *testing.T) {
	log := &limitedLog{Log: memory.New(), list: []eventlog.Truncated{{Stream: "order-x", How: "deleted for ever"}}}
	r, err := audit.Replay(t.Context(), log, func(eventlog.Position, int64) {})
	if err != nil || len(r.Incomplete) != 1 || r.Incomplete[0] != (audit.Hole{Stream: "order-x", Missing: "all its events (deleted for ever)"}) {
		t.Errorf("%+v, %v", r.Holes, err)
	}
}

// The warning at start names a few streams and what to do, once, and nothing
// without reason; a store that does not answer is asked again, and is no failure.
func TestWarningOfLimits(t *testing.T) {
	for name, tc := range map[string]struct {
		log   EventLog
		wants []string
	}{
		"none":     {&limitedLog{Log: memory.New()}, nil},
		"embedded": {plainLog{memory.New()}, nil},
		"a failure": {
			&limitedLog{Log: memory.New(), failures: 1, list: []eventlog.Truncated{{Stream: "order-1", How: "deleted"}}},
			[]string{"level=INFO", "level=WARN", "order-1 (deleted)"},
		},
		"no answer": {&limitedLog{Log: memory.New(), failures: limitsTries}, []string{"level=INFO"}},
		"seven": {&limitedLog{Log: memory.New(), list: []eventlog.Truncated{
			{Stream: "order-1", How: "$maxCount 1"},
			{Stream: "order-2", How: "deleted"},
			{Stream: "order-3", How: "$tb 2"},
			{Stream: "order-4", How: "$tb 2"},
			{Stream: "order-5", How: "$tb 2"},
			{Stream: "order-6", How: "$tb 2"},
			{Stream: "order-7", How: "$tb 2"},
		}}, []string{"level=WARN", "streams=7", "order-1 ($maxCount 1), order-2 (deleted)", "orderflow audit replay"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var told bytes.Buffer
				a := &App{Log: tc.log, Logger: slog.New(slog.NewTextHandler(&told, nil))}
				a.warnOfLimits(t.Context())
				for _, want := range tc.wants {
					if strings.Count(told.String(), want) != 1 {
						t.Errorf("no %q, or more than one, in %s", want, &told)
					}
				}
				if len(tc.wants) == 0 && told.Len() > 0 || strings.Contains(told.String(), "order-6") {
					t.Error(&told)
				}
			})
		})
	}
}

type plainLog struct{ *memory.Log }

func (plainLog) Close() error { return nil }
