package aggregate_test

import (
	"testing"

	"orderflow/commands/aggregate"
	"orderflow/commands/aggregate/aggregatetest"
	"orderflow/domain/decider"
	"orderflow/domain/eventlog"
	"orderflow/infra/memory"
)

// A stream whose beginning is gone is Incomplete for a process that has to read
// it, whatever is asked; one that knew it when it was whole goes on until it is told.
func TestTruncatedStreamIsNotDecidedOn(t *testing.T) {
	for kind, d := range kinds() {
		t.Run(kind, func(t *testing.T) { truncatedStreamIsNotDecidedOn(t, d) })
	}
}

func truncatedStreamIsNotDecidedOn(t *testing.T, d decider.Decider[tally, added]) {
	log := memory.New()
	knows := newTally(log, d, aggregate.Options[tally]{})
	behind := newTally(log, d, aggregate.Options[tally]{})
	defer knows.Close()
	defer behind.Close()
	grow := func(from, to int) {
		for i := from; i < to; i++ {
			_, _, err := knows.Transact(ctx(), long, cause(string(rune('a'+i))), add(string(rune('a'+i)), 1))
			aggregatetest.Must(t, err)
		}
	}
	grow(0, 3)
	if _, _, err := behind.Load(ctx(), long); err != nil { // it knows the first three
		t.Fatal(err)
	}
	grow(3, 7)
	log.Scavenge(long, 6)
	for range 2 { // at the second time nothing may be left from the first
		fresh := newTally(log, d, aggregate.Options[tally]{})
		for name, a := range map[string]*aggregate.Aggregate[tally, added]{"fresh": fresh, "behind": behind} {
			appended := aggregatetest.End(t, log)
			_, _, err := a.Load(ctx(), long)
			aggregatetest.WantIncomplete(t, name+" load", err)
			_, _, err = a.Recent(ctx(), long)
			aggregatetest.WantIncomplete(t, name+" recent", err)
			_, _, err = a.Transact(ctx(), long, cause("x"), add("x", 1))
			aggregatetest.WantIncomplete(t, name+" transact", err)
			_, _, err = a.Transact(ctx(), long, cause("a"), add("a", 1)) // a repeat
			aggregatetest.WantIncomplete(t, name+" repeat", err)
			_, _, err = a.Transact(ctx(), long, aggregate.Cause{Command: "y", Fresh: true}, add("y", 1))
			aggregatetest.WantIncomplete(t, name+" fresh", err)
			if aggregatetest.End(t, log) != appended {
				t.Errorf("%s: something was appended", name)
			}
		}
		fresh.Close()
	}
	got, version, err := knows.Load(ctx(), long)
	if err != nil || got.Sum != 7 || version != 7 {
		t.Errorf("the process that knew it: %+v at %d, %v", got, version, err)
	}
	knows.Forget(long) // it was told
	appended := aggregatetest.End(t, log)
	_, _, err = knows.Recent(ctx(), long)
	aggregatetest.WantIncomplete(t, "recent, after it was told", err)
	_, _, err = knows.Transact(ctx(), long, cause("z"), add("z", 1))
	aggregatetest.WantIncomplete(t, "transact, after it was told", err)
	if aggregatetest.End(t, log) != appended {
		t.Error("after it was told, something was appended")
	}
}

// A snapshot stands for what is missing before its last event, and for nothing else.
func TestTruncatedStreamAndItsSnapshot(t *testing.T) {
	for name, tc := range map[string]struct {
		below eventlog.Version // the first that is left
		whole bool
	}{
		"up to before the snapshot's last event": {20, true},
		"the snapshot's last event too":          {21, false},
		"what follows it too":                    {24, false},
		"everything":                             {31, false},
	} {
		t.Run(name, func(t *testing.T) {
			log := memory.New()
			keep := snapshots(log, "1", 20)
			grow(t, log, keep, 0, 30)
			log.Scavenge(long, tc.below)
			a := newTally(log, inPlace, aggregate.Options[tally]{Snapshots: keep})
			defer a.Close()
			got, version, err := a.Load(ctx(), long)
			if tc.whole && (err != nil || got.Sum != 30 || version != 30) {
				t.Errorf("%+v at %d, %v", got, version, err)
			}
			if !tc.whole {
				aggregatetest.WantIncomplete(t, "load", err)
			}
		})
	}
}

// A deleted stream reads as new, so a decision may be made; its append says that
// it was none, it is not tried again, and nothing of it is kept.
func TestDeletedStreamIsNotBegunAgain(t *testing.T) {
	for _, fresh := range []bool{false, true} {
		log := aggregatetest.NewHiding()
		one := newTally(log, inPlace, aggregate.Options[tally]{})
		_, _, err := one.Transact(ctx(), long, cause("a"), add("a", 1))
		aggregatetest.Must(t, err)
		log.Delete(t, long)
		two := newTally(log, inPlace, aggregate.Options[tally]{})
		_, _, err = two.Transact(ctx(), long, aggregate.Cause{Command: "b", Fresh: fresh}, add("b", 1))
		aggregatetest.WantIncomplete(t, "the first append", err)
		after := aggregatetest.End(t, log)
		for name, a := range map[string]*aggregate.Aggregate[tally, added]{"the one that appended": two, "the one that knew it": one} {
			for range 2 {
				_, _, err = a.Transact(ctx(), long, aggregate.Cause{Command: "c", Fresh: fresh}, add("c", 1))
				aggregatetest.WantIncomplete(t, name, err)
				_, _, err = a.Load(ctx(), long)
				aggregatetest.WantIncomplete(t, name+" load", err)
			}
		}
		if aggregatetest.End(t, log) != after {
			t.Error("it was appended to again")
		}
		log.Restore(long)
		got, version, err := two.Load(ctx(), long)
		if err != nil || got.Sum != 2 || version != 2 {
			t.Errorf("restored: %+v at %d, %v", got, version, err)
		}
		one.Close()
		two.Close()
	}
}

// A stream whose events all are hidden and that refuses to be begun is Incomplete
// after a few tries.
func TestHiddenStreamThatConflictsIsIncomplete(t *testing.T) {
	log := aggregatetest.NewHiding()
	log.Refuses[long] = true
	a := newTally(log, inPlace, aggregate.Options[tally]{})
	defer a.Close()
	_, _, err := a.Transact(ctx(), long, cause("a"), add("a", 1))
	aggregatetest.WantIncomplete(t, "transact", err)
	_, _, err = a.Transact(ctx(), long, aggregate.Cause{Command: "a", Fresh: true}, add("a", 1))
	aggregatetest.WantIncomplete(t, "fresh", err)
}
