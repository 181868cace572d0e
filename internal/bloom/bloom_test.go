package bloom_test

import (
	"strconv"
	"sync"
	"testing"

	"orderflow/internal/bloom"
)

func TestAKeyIsNeverForgotten(t *testing.T) {
	f := bloom.New(1<<10, bloom.MaxBits)
	for i := range 5_000 { // far above its capacity
		key := strconv.Itoa(i)
		f.Add(key)
		if !f.Has(key) {
			t.Fatalf("%s was added and is not there", key)
		}
	}
	for i := range 5_000 {
		if !f.Has(strconv.Itoa(i)) || !f.Add(strconv.Itoa(i)) {
			t.Fatalf("%d was forgotten", i)
		}
	}
}

func TestAddsFromManyGoroutinesAreAllThere(t *testing.T) {
	const each = 2_000
	f := bloom.New(1<<12, 2)
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			for i := range each {
				f.Add(strconv.Itoa(g*each + i))
			}
		})
	}
	all.Wait()
	for i := range 4 * each {
		if !f.Has(strconv.Itoa(i)) {
			t.Fatalf("%d was lost", i)
		}
	}
}

// TestFalsePositives fills a filter as its users do at their limits. The bounds are
// about one half above what was measured, because the seed is another one each time.
func TestFalsePositives(t *testing.T) {
	for _, c := range []struct {
		name        string
		bytes, bits int
		keys        int
		most        float64
	}{
		{"13 bits of room a key", 1 << 16, 5, 1 << 16 * 8 / 13, 0.01},
		{"3.4 bits of room a key", 1 << 16, 2, 1 << 16 * 10 / 34 * 8, 0.30},
		{"sparse", 1 << 16, 2, 1 << 10, 0.001},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := bloom.New(c.bytes, c.bits)
			for i := range c.keys {
				f.Add("in" + strconv.Itoa(i))
			}
			const asked = 100_000
			wrong := 0
			for i := range asked {
				if f.Has("out" + strconv.Itoa(i)) {
					wrong++
				}
			}
			rate := float64(wrong) / asked
			t.Logf("%.4f", rate)
			if rate > c.most {
				t.Errorf("%.4f of the keys that were never added are reported, more than %v", rate, c.most)
			}
		})
	}
}

func TestSizesAreBounded(t *testing.T) {
	for _, f := range []*bloom.Filter{bloom.New(0, 0), bloom.New(-1, -1), bloom.New(1, 100)} {
		if f.Has("a") || f.Add("a") || !f.Has("a") {
			t.Error("a filter of an odd size does not work")
		}
	}
}
