package esdbserver

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// TestSpreadCanBeUndone tries neighbours, random places and both ends.
func TestSpreadCanBeUndone(t *testing.T) {
	seed := uint64(time.Now().UnixNano()) //nolint:gosec // any number will do
	random := rand.New(rand.NewPCG(seed, 0))
	places := []uint64{0, 1, 2, 3, maxSpread - 1, maxSpread}
	for range 10_000 {
		places = append(places, random.Uint64N(maxSpread)>>random.UintN(50))
	}
	for _, at := range places {
		p := Spread{}.Outward(at)
		if got, exact := (Spread{}).Inward(p); got != at || !exact || p > math.MaxInt64 {
			t.Fatalf("seed %d: %d goes out as %d and comes in as %d, %t", seed, at, p, got, exact)
		}
		if at == maxSpread {
			continue
		}
		next := Spread{}.Outward(at + 1)
		if next < p+100 || next > p+1_000 && at > 0 {
			t.Fatalf("seed %d: %d and the next one go out as %d and %d", seed, at, p, next)
		}
		for _, none := range []uint64{p + 1, next - 1, p + 1 + random.Uint64N(next-p-1)} {
			if got, exact := (Spread{}).Inward(none); got != at || exact {
				t.Fatalf("seed %d: %d, between %d and %d, comes in as %d, %t; want %d", seed, none, p, next, got, exact, at)
			}
		}
	}
	if at, exact := (Spread{}).Inward(math.MaxUint64); at != maxSpread || exact {
		t.Errorf("the greatest number comes in as %d, %t", at, exact)
	}
}

// TestSpreadStays holds the rule to what clients have saved.
func TestSpreadStays(t *testing.T) {
	for at, want := range map[uint64]uint64{0: 0, 1: 667, 2: 1_081, 1_000: 512_351, 1 << 40: 562_949_953_421_334} {
		if got := (Spread{}).Outward(at); got != want {
			t.Errorf("%d goes out as %d; it was %d", at, got, want)
		}
	}
}

// BenchmarkSpread is what a position costs, there and back.
func BenchmarkSpread(b *testing.B) {
	at := uint64(1)
	for b.Loop() {
		back, exact := (Spread{}).Inward(Spread{}.Outward(at))
		if !exact || back != at {
			b.Fatal(at)
		}
		at++
	}
}
