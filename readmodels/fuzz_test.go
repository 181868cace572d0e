package readmodels_test

import (
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/readmodels"
)

// FuzzParseOrderCursor is the reading behind the signature that the API puts
// around cursors: what is taken names a row, and is what that row's page gives.
func FuzzParseOrderCursor(f *testing.F) {
	for _, o := range []readmodels.Order{
		{ID: "ord_03pb24qrarpxvbq02f7rb7c265", PlacedAt: time.Date(2010, 12, 1, 8, 26, 0, 0, time.UTC)},
		{ID: "a b", PlacedAt: time.UnixMicro(-1)},
	} {
		f.Add(readmodels.OrderCursor(o))
	}
	for _, s := range []string{"", "AAAA", "MA", "MCA", "IA", "\x00", "KzEgYQ", "LTkyMjMzNzIwMzY4NTQ3NzU4MDggYQ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		at, id, err := readmodels.ParseOrderCursor(s)
		if err != nil {
			if domain.KindOf(err) != domain.Invalid || id != "" || !at.IsZero() {
				t.Fatalf("%q: %v %q %v", s, at, id, err)
			}
			return
		}
		if id == "" || len(id) > domain.MaxNameBytes || at.Location() != time.UTC {
			t.Fatalf("%q names %v %q", s, at, id)
		}
		back, same, err := readmodels.ParseOrderCursor(readmodels.OrderCursor(readmodels.Order{ID: id, PlacedAt: at}))
		if err != nil || !back.Equal(at) || same != id {
			t.Fatalf("%q names %v %q, whose cursor names %v %q, %v", s, at, id, back, same, err)
		}
	})
}
