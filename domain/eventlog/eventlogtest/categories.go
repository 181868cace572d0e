package eventlogtest

import (
	"fmt"
	"slices"
	"testing"

	"orderflow/domain/eventlog"
)

// unevenCategories reads several categories together of which one is dense
// where another is sparse: however a store cuts its reads into chunks, the
// merge must lose nothing. There are more events than a store keeps at hand.
func unevenCategories(t *testing.T, store eventlog.Store) {
	const dense, sparse = 120, 7
	rounds := 120
	if testing.Short() {
		rounds = 24
		t.Logf("in short form: %d of 120 rounds", rounds)
	}
	for i := range rounds {
		a, b, c := dense, sparse, 1
		if i > rounds/3 {
			a, b = sparse, dense
		}
		if i > 2*rounds/3 {
			b, c = sparse, dense
		}
		add(t, store, eventlog.Stream(fmt.Sprintf("unevena-%d", i)), 0, a)
		add(t, store, eventlog.Stream(fmt.Sprintf("unevenb-%d", i)), 0, b)
		add(t, store, eventlog.Stream(fmt.Sprintf("unevenc-%d", i)), 0, c)
	}
	all := collect(t, store.ReadAll(t.Context(), 0))
	for _, categories := range [][]string{{"unevena", "unevenb", "unevenc"}, {"unevena", "unevenc"}, {"unevenc", "unevenb"}} {
		want := slices.Clone(all)
		want = slices.DeleteFunc(want, func(r eventlog.Recorded) bool { return !slices.Contains(categories, r.Stream.Category()) })
		wantSame(t, collect(t, store.ReadAll(t.Context(), 0, categories...)), want)
	}
}
