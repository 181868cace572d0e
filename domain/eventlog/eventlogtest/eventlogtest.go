// Package eventlogtest is the contract every eventlog.Store passes, and the
// check that stored forms only grow.
//
// The suite assumes no more than the contract says: positions may have gaps
// and start anywhere, the store may set the time and hold events of its own, an
// append may be slow.
package eventlogtest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// patience bounds how long a test waits for what must come. It is only spent
// when a store is broken.
const patience = 30 * time.Second

// Run exercises the stores that open returns; each subtest gets a fresh and
// empty one, which open closes in a cleanup.
func Run(t *testing.T, open func(testing.TB) eventlog.Store) {
	for _, c := range []struct {
		name string
		test func(*testing.T, eventlog.Store)
	}{
		{"Append/FirstEventHasVersionOne", firstEventHasVersionOne},
		{"Append/StaleVersionConflicts", staleVersionConflicts},
		{"Append/OneOfManyWritersWins", oneOfManyWritersWins},
		{"Append/AllOrNothing", allOrNothing},
		{"Append/RepeatIsRecognised", repeatIsRecognised},
		{"Append/PartialRepeatConflicts", partialRepeatConflicts},
		{"Append/ConcurrentRepeatsAgree", concurrentRepeatsAgree},
		{"Append/LimitsAreInvalid", limitsAreInvalid},
		{"Append/LargeEventsAndManyEvents", largeEventsAndManyEvents},
		{"Append/CancelledStoresNothingOrIsUnknown", cancelledAppend},
		{"Append/DataIsNotShared", dataIsNotShared},
		{"Append/ACopyKeepsItsFirstTime", copyKeepsItsTime},
		{"Read/EverythingComesBackAsStored", everythingComesBack},
		{"Read/AboveVersion", readAboveVersion},
		{"Read/UnknownStreamIsEmpty", unknownStreamIsEmpty},
		{"Read/SimilarNamesAreApart", similarNamesAreApart},
		{"ReadAll/PositionsStrictlyIncrease", positionsIncrease},
		{"ReadAll/AbovePosition", readAllAbove},
		{"ReadAll/Categories", readAllCategories},
		{"ReadAll/UnevenCategoriesLoseNothing", unevenCategories},
		{"ReadAll/NothingAppearsBehindTheReader", nothingAppearsBehind},
		{"ReadAll/CancelledEndsWithItsError", readsEndWithContext},
		{"ReadAll/BreakingOutIsFree", breakingOut},
		{"Subscribe/CatchesUpAndFollows", subscribeFollows},
		{"Subscribe/FromTheMiddleAndByCategory", subscribeFiltered},
		{"Subscribe/EndsWithContextError", subscribeEnds},
		{"Subscribe/SlowOneHoldsBackNoWriter", slowSubscriber},
		{"Subscribe/FromTheEndWaits", subscribeFromEnd},
		{"End/IsTheLastPosition", endIsLast},
		{"Position/OnlyWhatWasGivenOutIsOne", onlyPositions},
		{"Position/OfAnotherCategoryIsOne", positionOfAnotherCategory},
		{"Position/AtFindsItsEvent", atFindsEvents},
		{"Watermark/FollowsWhatIsOfOthers", watermarks},
		{"Watermark/CaughtUpComesByItself", caughtUpComesByItself},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

// event returns the i-th event that a command of this name would cause.
func event(command string, s eventlog.Stream, i int) eventlog.Pending {
	return eventlog.Pending{
		ID:   eventlog.NewEventID(command, s, i),
		Type: "tested.v1",
		Data: fmt.Appendf(nil, `{"command":%q,"i":%d}`, command, i),
		Meta: eventlog.Meta{Command: command},
	}
}

func events(command string, s eventlog.Stream, n int) []eventlog.Pending {
	list := make([]eventlog.Pending, n)
	for i := range list {
		list[i] = event(command, s, i)
	}
	return list
}

// add appends n events at a version, and fails the test if that fails.
func add(t *testing.T, store eventlog.Store, s eventlog.Stream, version eventlog.Version, n int) eventlog.Appended {
	t.Helper()
	appended, err := store.Append(t.Context(), s, version, events(fmt.Sprintf("%s at %d", s, version), s, n)...)
	if err != nil {
		t.Fatalf("append to %s at %d: %v", s, version, err)
	}
	return appended
}

// collect returns what seq yields, and fails the test if it yields an error.
func collect(t *testing.T, seq iter.Seq2[eventlog.Recorded, error]) []eventlog.Recorded {
	t.Helper()
	var list []eventlog.Recorded
	for r, err := range seq {
		if err != nil {
			t.Fatalf("after %d events: %v", len(list), err)
		}
		list = append(list, r)
	}
	return list
}

// take returns the first n events of seq, which must come within [patience].
func take(ctx context.Context, n int, subscribe func(context.Context) iter.Seq2[eventlog.Recorded, error]) ([]eventlog.Recorded, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var list []eventlog.Recorded
	for r, err := range subscribe(ctx) {
		if err != nil {
			return list, fmt.Errorf("after %d of %d events: %w", len(list), n, err)
		}
		if list = append(list, r); len(list) == n {
			return list, nil
		}
	}
	return list, errors.New("the subscription ended without an error")
}

func wantKind(t *testing.T, err error, kind domain.Kind) {
	t.Helper()
	if err == nil || domain.KindOf(err) != kind {
		t.Errorf("err = %v, want kind %s", err, kind)
	}
}

func wantVersions(t *testing.T, list []eventlog.Recorded, first, last eventlog.Version) {
	t.Helper()
	if want := int(last - first + 1); len(list) != want {
		t.Fatalf("%d events, want %d", len(list), want)
	}
	for i, r := range list {
		if r.Version != first+eventlog.Version(i) {
			t.Fatalf("event %d has version %d, want %d", i, r.Version, first+eventlog.Version(i))
		}
	}
}

// wantSame checks that two reads gave the same events in the same order.
func wantSame(t *testing.T, got, want []eventlog.Recorded) {
	t.Helper()
	for i := range min(len(got), len(want)) {
		if !same(got[i], want[i]) {
			t.Fatalf("event %d is %s %d at %d, want %s %d at %d", i,
				got[i].Stream, got[i].Version, got[i].Position, want[i].Stream, want[i].Version, want[i].Position)
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%d events, want %d", len(got), len(want))
	}
}

func same(a, b eventlog.Recorded) bool {
	return a.ID == b.ID && a.Stream == b.Stream && a.Version == b.Version && a.Position == b.Position &&
		a.Type == b.Type && string(a.Data) == string(b.Data) && a.Meta == b.Meta && a.At.Equal(b.At)
}
