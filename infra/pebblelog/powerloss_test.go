package pebblelog_test

import (
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"orderflow/infra/pebblelog"
)

// powerLossRounds is how often the power fails; with no failure the rate of
// loss is below 3/2,000 at 95 %.
const powerLossRounds = 2_000

// fewer returns how many rounds of a long test are done: all, or a tenth in short form.
func fewer(t *testing.T, rounds int) uint64 {
	t.Helper()
	if !testing.Short() {
		return uint64(rounds) //nolint:gosec // a constant
	}
	t.Logf("in short form: %d of %d rounds", rounds/10, rounds)
	return uint64(rounds / 10) //nolint:gosec // a constant
}

func TestPowerLoss(t *testing.T) {
	for seed := range fewer(t, powerLossRounds) {
		if err := losePower(t, seed, small); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// TestPowerLossHarnessBites runs the same rounds on a log that acknowledges
// before the disk has it: the loss must be seen.
func TestPowerLossHarnessBites(t *testing.T) {
	const rounds = 100
	seen := 0
	for seed := range uint64(rounds) {
		if losePower(t, seed*5, func(fs vfs.FS) pebblelog.Options { return pebblelog.WithoutSync(small(fs)) }) != nil {
			seen++
		}
	}
	t.Logf("without fsync, %d of %d rounds lost acknowledged events", seen, rounds)
	if seen < rounds*9/10 {
		t.Errorf("only %d of %d rounds noticed that nothing was synced", seen, rounds)
	}
}

// losePower cuts the power while a few writers work, keeping a part of what
// was not synced, twice in a row every fourth time, and inspects what is left.
func losePower(t *testing.T, seed uint64, options func(vfs.FS) pebblelog.Options) error {
	rng := rand.New(rand.NewPCG(seed, 1))
	unsynced := []int{0, 10, 50, 90, 100}[seed%5]
	fs := vfs.NewCrashableMem()
	var h history
	log, err := pebblelog.Open(logDir, options(fs))
	if err != nil {
		return err
	}
	after := 1 + rng.IntN(25)
	reached := make(chan struct{})
	var wg sync.WaitGroup
	for w := range 1 + rng.IntN(4) {
		rng := rand.New(rand.NewPCG(seed, uint64(w)+2))
		wg.Go(func() {
			if w == 0 {
				defer close(reached)
			}
			_ = work(t, log, &h, rng, w, after)
		})
	}
	<-reached // the other writers are somewhere in the middle
	known := h.until()
	left := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: unsynced, RNG: rng})
	wg.Wait()
	if err := log.Close(); err != nil {
		return err
	}
	if seed%4 == 0 { // and again, in the middle of the next start
		again, err := pebblelog.Open(logDir, options(left))
		if err != nil {
			return err
		}
		next := left.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: unsynced, RNG: rng})
		if err := again.Close(); err != nil {
			return err
		}
		left = next
	}
	return reopened(t, left, known)
}

// reopened opens what is left, inspects it, and checks that it still takes appends.
func reopened(t *testing.T, left vfs.FS, known []acked) error {
	log, err := pebblelog.Open(logDir, small(left))
	if err != nil {
		return err
	}
	err = inspect(t, log, known)
	if err == nil {
		_, err = log.Append(t.Context(), "later-1", 0, pending("later-1", 0, 1, 10)...)
	}
	if closeErr := log.Close(); err == nil {
		err = closeErr
	}
	return err
}

// moment is the disk and the client's knowledge just before one change of the disk.
type moment struct {
	op    string
	known []acked
	left  []*vfs.MemFS // by keptPercents
}

// keptPercents is how much of what was not synced each crash keeps; which half
// is chance, so half is tried more often.
var keptPercents = []int{0, 50, 50, 50, 90}

// TestCrashBeforeEveryWrite stops the machine before each change that a
// scripted run makes to the disk, from the first start to the last close.
func TestCrashBeforeEveryWrite(t *testing.T) {
	fs := vfs.NewCrashableMem()
	var h history
	var mu sync.Mutex
	var moments []moment
	rng := rand.New(rand.NewPCG(7, 7))
	before := errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() != errorfs.OpIsWrite {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		m := moment{op: op.Path, known: h.until()}
		for _, kept := range keptPercents {
			m.left = append(m.left, fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: kept, RNG: rng}))
		}
		moments = append(moments, m)
		return nil
	})
	for start := range 2 {
		log, err := pebblelog.Open(logDir, small(errorfs.Wrap(fs, before)))
		if err != nil {
			t.Fatal(err)
		}
		if err := work(t, log, &h, rand.New(rand.NewPCG(3, 4)), start, 60); err != nil {
			t.Fatal(err)
		}
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if len(moments) < 100 {
		t.Fatalf("only %d writes were seen", len(moments))
	}
	every := len(moments) / int(fewer(t, len(moments))) //nolint:gosec // it was no larger than an int
	for i, m := range moments {
		if i%every > 0 {
			continue
		}
		for kept, left := range m.left {
			if err := reopened(t, left, m.known); err != nil {
				t.Fatalf("crash before write %d of %d (%s), kept %d %% of what was not synced: %v", i, len(moments), m.op, keptPercents[kept], err)
			}
		}
	}
	t.Logf("%d writes, each with %d crashes before it", len(moments), len(keptPercents))
}
