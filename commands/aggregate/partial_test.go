package aggregate_test

import (
	"context"
	"fmt"
	"iter"
	"testing"

	"orderflow/commands/aggregate"
	"orderflow/commands/aggregate/aggregatetest"
	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// tiring gives up after some events of each read, as a round does whose time is over.
type tiring struct {
	*aggregatetest.Store
	after int
}

func (s tiring) Read(ctx context.Context, stream eventlog.Stream, above eventlog.Version) iter.Seq2[eventlog.Recorded, error] {
	return func(yield func(eventlog.Recorded, error) bool) {
		n := 0
		for r, err := range s.Store.Read(ctx, stream, above) {
			if n++; n > s.after {
				yield(eventlog.Recorded{}, context.DeadlineExceeded)
				return
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

// A stream that takes longer to read than a round may last is read in several:
// each refuses what waited, and the next goes on where it broke off.
func TestLongStreamsAreReadInSeveralRounds(t *testing.T) {
	for name, d := range kinds() {
		t.Run(name, func(t *testing.T) {
			s := aggregatetest.NewStore()
			writer := newTally(s, d, aggregate.Options[tally]{})
			defer writer.Close()
			const events, perRead = 100, 30
			for i := range events {
				_, _, err := writer.Transact(ctx(), "tally-1", cause(fmt.Sprint("w", i)), add(fmt.Sprint(i), 1))
				aggregatetest.Must(t, err)
			}
			a := newTally(tiring{s, perRead}, d, aggregate.Options[tally]{})
			defer a.Close()
			refused := 0
			for {
				// Also one that believes the stream to be new does not start again.
				sum, r, err := a.Transact(ctx(), "tally-1", aggregate.Cause{Command: "c", Fresh: refused%2 == 1}, add("new", 5))
				if err == nil {
					if sum.Sum != events+5 || r.Version != events+1 || r.Events != 1 {
						t.Errorf("%d at version %d", sum.Sum, r.Version)
					}
					break
				}
				if refused++; domain.KindOf(err) != domain.Unavailable || refused > events {
					t.Fatalf("%d refusals, the last: %v", refused, err)
				}
			}
			if refused != events/perRead {
				t.Errorf("%d rounds were refused, want %d", refused, events/perRead)
			}
		})
	}
}
