package aggregate_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"orderflow/commands/aggregate"
	"orderflow/commands/aggregate/aggregatetest"
	"orderflow/domain"
	"orderflow/infra/memory"
)

// TestWhoIsRefusedIsToldWhy has the log say what is the matter before the time
// of a command is over; one that never had its turn is told that it was not
// carried out.
func TestWhoIsRefusedIsToldWhy(t *testing.T) {
	for name, c := range map[string]struct {
		heedless bool
		first    string
		second   string
		kind     domain.Kind // of the second
	}{
		"a log that heeds its context": {false, "The log hangs", "send it again", domain.Unknown},
		"a log that heeds nothing":     {true, "send it again", "not carried out", domain.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newTally(&aggregatetest.Hanging{Log: memory.New(), AppendDelay: aggregatetest.Forever, IgnoresContext: c.heedless}, byValue, aggregate.Options[tally]{})
				first := send(ctx(), a, "first", add("first", 1))
				synctest.Wait()
				second := send(ctx(), a, "second", add("second", 1))
				one, two := <-first, <-second
				aggregatetest.WantKind(t, one.err, domain.Unknown)
				aggregatetest.WantKind(t, two.err, c.kind)
				if !strings.Contains(one.err.Error(), c.first) || !strings.Contains(two.err.Error(), c.second) {
					t.Errorf("the first is told %v, the second %v", one.err, two.err)
				}
				a.Close()
			})
		})
	}
}
