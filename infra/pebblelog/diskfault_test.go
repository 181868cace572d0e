package pebblelog_test

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/pebblelog"
)

// refusalWithin bounds how long an append may hang after the disk has failed.
const refusalWithin = 2 * time.Second

// begunBefore bounds the changes that other goroutines of the database, its
// flush and its compaction, were in the middle of when the disk failed and
// that are counted only later.
const begunBefore = 2

// TestFailedWrites lets the n-th change of the disk fail, for 200 different n
// in a running log and 40 in one that starts.
func TestFailedWrites(t *testing.T) {
	if !inOwnProcess(t) {
		return
	}
	for seed := range fewer(t, 200) {
		if failWrite(t, seed); t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	for seed := range fewer(t, 40) {
		if failStart(t, seed); t.Failed() {
			t.Fatalf("start, seed %d", seed)
		}
	}
}

// fault fails one change of the disk, once: the n-th after it is set off.
type fault struct {
	err        error
	nth        int64
	on         atomic.Bool
	writes     atomic.Int64
	afterwards atomic.Int64 // changes of the database after the fault
}

// MaybeError implements errorfs.Injector. Preallocation is spared: the
// database may go on without, and does.
func (f *fault) MaybeError(op errorfs.Op) error {
	if !f.on.Load() || op.Kind.ReadOrWrite() != errorfs.OpIsWrite || op.Kind == errorfs.OpFilePreallocate {
		return nil
	}
	switch n := f.writes.Add(1); {
	case n == f.nth:
		return f.err
	case n > f.nth && strings.HasPrefix(op.Path, logDir+"/db/"):
		f.afterwards.Add(1)
	}
	return nil
}

func (f *fault) String() string { return "fault" }

func newFault(rng *rand.Rand, within int64) *fault {
	return &fault{err: [...]error{syscall.EIO, syscall.ENOSPC}[rng.IntN(2)], nth: 1 + rng.Int64N(within)}
}

func failWrite(t *testing.T, seed uint64) {
	f := newFault(rand.New(rand.NewPCG(seed, 5)), 150)
	fs := vfs.NewCrashableMem()
	log, err := pebblelog.Open(logDir, small(errorfs.Wrap(fs, f)))
	if err != nil {
		t.Fatal(err)
	}
	f.on.Store(true)
	var h history
	var wg sync.WaitGroup
	for w := range 3 {
		wg.Go(func() {
			err := work(t, log, &h, rand.New(rand.NewPCG(seed, uint64(w))), w, 1_000)
			if kind := domain.KindOf(err); kind != domain.ReadOnly && kind != domain.Unknown {
				t.Errorf("the appends ended with %v, want kind ReadOnly or Unknown", err)
			}
		})
	}
	wg.Wait()
	inFlight := f.afterwards.Load() // what other goroutines had begun
	checkFailed(t, log)
	if err := inspect(t, log, h.until()); err != nil {
		t.Errorf("reads after the fault: %v", err)
	}
	if err := log.Close(); domain.KindOf(err) != domain.ReadOnly {
		t.Errorf("closing a failed log gave %v", err)
	}
	if n := f.afterwards.Load(); n > inFlight+begunBefore {
		t.Errorf("%d changes of the disk after the fault", n-inFlight)
	}
	if err := reopened(t, fs.CrashClone(vfs.CrashCloneCfg{}), h.until()); err != nil {
		t.Errorf("%v at write %d: %v", f.err, f.nth, err)
	}
}

// failStart lets a start fail, or shows that the fault did not matter.
func failStart(t *testing.T, seed uint64) {
	f := newFault(rand.New(rand.NewPCG(seed, 6)), 80)
	fs := vfs.NewCrashableMem()
	known := []acked(nil)
	if seed%2 == 0 {
		known = filled(t, fs, 1, 30)
	}
	f.on.Store(true)
	log, err := pebblelog.Open(logDir, small(errorfs.Wrap(fs, f)))
	if err == nil {
		if err := inspect(t, log, known); err != nil {
			t.Errorf("opened in spite of %v at write %d, but: %v", f.err, f.nth, err)
		}
		_ = log.Close()
	}
	if err := reopened(t, fs.CrashClone(vfs.CrashCloneCfg{}), known); err != nil {
		t.Errorf("the start after %v at write %d: %v", f.err, f.nth, err)
	}
}

func checkFailed(t *testing.T, log *pebblelog.Log) {
	ctx, cancel := context.WithTimeout(t.Context(), refusalWithin)
	defer cancel()
	for i := range 2 { // one may be the first to learn of the fault
		_, err := log.Append(ctx, "after-1", 0, pending("after-1", 0, 1, 10)...)
		if kind := domain.KindOf(err); kind != domain.ReadOnly && (i == 1 || kind != domain.Unknown) {
			t.Errorf("an append after the fault gave %v, want kind ReadOnly", err)
		}
	}
	if err := log.Stats(t.Context()).ReadOnly; domain.KindOf(err) != domain.ReadOnly {
		t.Errorf("Stats says %v", err)
	}
	if err := log.SaveSnapshot(ctx, "a-1", "1", 1, nil); domain.KindOf(err) != domain.ReadOnly {
		t.Errorf("a snapshot after the fault gave %v", err)
	}
}

// TestSlowDiskBoundsTheQueue holds every fsync until the callers have given up.
func TestSlowDiskBoundsTheQueue(t *testing.T) {
	var slow atomic.Bool
	syncing, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	inject := errorfs.InjectorFunc(func(op errorfs.Op) error {
		if slow.Load() && (op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData) {
			if strings.HasSuffix(op.Path, ".log") {
				once.Do(func() { close(syncing) })
			}
			<-release
		}
		return nil
	})
	log := open(t, logDir, pebblelog.Options{FS: errorfs.Wrap(vfs.NewCrashableMem(), inject)})
	slow.Store(true)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { // the callers give up while some are being stored and others wait
		<-syncing
		for log.Stats(t.Context()).Queued == 0 && t.Context().Err() == nil {
			runtime.Gosched()
		}
		cancel()
	}()
	var gaveUp, inDoubt atomic.Int64
	var wg sync.WaitGroup
	for w := range 3_000 {
		wg.Go(func() {
			s := stream("a", w)
			_, err := log.Append(ctx, s, 0, pending(s, 0, 1, 10)...)
			switch {
			case !errors.Is(err, context.Canceled):
				t.Errorf("err = %v, want that of the context", err)
			case domain.KindOf(err) == domain.Unavailable:
				gaveUp.Add(1)
			case domain.KindOf(err) == domain.Unknown:
				inDoubt.Add(1)
			default:
				t.Errorf("err = %v, want kind Unavailable or Unknown", err)
			}
		})
	}
	wg.Wait()
	close(release)
	if gaveUp.Load() == 0 || inDoubt.Load() == 0 {
		t.Errorf("%d appends gave up, %d are in doubt; want both", gaveUp.Load(), inDoubt.Load())
	}
	if _, err := log.Append(t.Context(), "b-1", 0, pending("b-1", 0, 1, 10)...); err != nil {
		t.Errorf("after the disk came back: %v", err)
	}
	stored := int64(0)
	for r, err := range log.ReadAll(t.Context(), 0, "a") {
		if err != nil || r.Version != 1 {
			t.Fatal(r.Version, err)
		}
		stored++
	}
	if stored > inDoubt.Load() {
		t.Errorf("%d appends are stored, only %d were told that they may be", stored, inDoubt.Load())
	}
}

// TestReadersWaitForTheDisk holds the fsync of an append: until it is over no
// reader may see the event, because a crash could still take it back.
func TestReadersWaitForTheDisk(t *testing.T) {
	var slow atomic.Bool
	syncing, release := make(chan struct{}), make(chan struct{})
	inject := errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData {
			if strings.HasSuffix(op.Path, ".log") && slow.CompareAndSwap(true, false) {
				close(syncing)
				<-release
			}
		}
		return nil
	})
	log := open(t, logDir, pebblelog.Options{FS: errorfs.Wrap(vfs.NewCrashableMem(), inject)})
	seen := func() (n int) {
		for _, seq := range []iter.Seq2[eventlog.Recorded, error]{
			log.Read(t.Context(), "a-1", 0), log.ReadAll(t.Context(), 0), log.ReadAll(t.Context(), 0, "a"),
		} {
			for _, err := range seq {
				if err != nil {
					t.Error(err)
				}
				n++
			}
		}
		return n
	}
	slow.Store(true)
	stored := make(chan error, 1)
	go func() {
		_, err := log.Append(t.Context(), "a-1", 0, pending("a-1", 0, 1, 10)...)
		stored <- err
	}()
	<-syncing
	if n := seen(); n != 0 {
		t.Errorf("%d reads saw an event that is not on disk", n)
	}
	close(release)
	if err := <-stored; err != nil {
		t.Fatal(err)
	}
	if n := seen(); n != 3 {
		t.Errorf("%d of 3 reads see the stored event", n)
	}
}

// TestFullDisk walks the free space down and up again.
func TestFullDisk(t *testing.T) {
	var free atomic.Uint64
	free.Store(100 << 20)
	var states []string
	log := open(t, logDir, pebblelog.Options{
		FS: vfs.NewMem(),
		Disk: pebblelog.Disk{ReadOnlyBelowBytes: 50 << 20, WritableAboveBytes: 60 << 20, Usage: func() (vfs.DiskUsage, error) {
			return vfs.DiskUsage{AvailBytes: free.Load(), TotalBytes: 1 << 30}, nil
		}},
		Hooks: pebblelog.Hooks{ReadOnly: func(reason string) { states = append(states, reason) }},
	})
	version := 0
	try := func(mib uint64, want error) {
		t.Helper()
		free.Store(mib << 20)
		_, err := log.Append(t.Context(), "a-1", versionOf(version), pending("a-1", versionOf(version), 1, 10)...)
		if err == nil {
			version++
		}
		if (err == nil) != (want == nil) || err != nil && domain.KindOf(err) != domain.KindOf(want) {
			t.Errorf("with %d MiB free: %v, want %v", mib, err, want)
		}
		count := 0
		for _, err := range log.ReadAll(t.Context(), 0) {
			if err != nil {
				t.Error(err)
			}
			count++
		}
		if count != version {
			t.Errorf("with %d MiB free: %d events can be read, want %d", mib, count, version)
		}
	}
	full := domain.Errorf(domain.ReadOnly, "full")
	try(100, nil)
	try(50, nil)
	try(49, full)
	try(10, full)
	try(55, full) // not before there is room enough
	try(60, nil)
	try(55, nil)
	try(49, full)
	if err := log.SaveSnapshot(t.Context(), "a-1", "1", 1, nil); domain.KindOf(err) != domain.ReadOnly {
		t.Errorf("a snapshot on a full disk gave %v", err)
	}
	try(70, nil)
	if len(states) != 4 || !strings.Contains(states[0], "49 MiB left of 1024") || states[1] != "" {
		t.Errorf("the hook was told %q", states)
	}
}

// TestFullDiskPromisesWhatCanBe looks at disks of all sizes: the space that is
// asked for is less than the disk has, and on a small one less than half of it.
func TestFullDiskPromisesWhatCanBe(t *testing.T) {
	const mib = 1 << 20
	for total := uint64(mib); total < 1<<45; total += total / 3 {
		below, above := pebblelog.Limits(total)
		if below == 0 || above <= below || above > total/2 {
			t.Errorf("a disk of %d MiB takes no appends below %d MiB and again above %d MiB", total/mib, below/mib, above/mib)
		}
	}
	for total, want := range map[uint64]uint64{10 << 30: 512 * mib, 100 << 30: 1 << 30} { // as ever
		if below, _ := pebblelog.Limits(total); below/mib != want/mib && below/mib != want/mib-1 {
			t.Errorf("a disk of %d MiB takes no appends below %d MiB, want %d", total/mib, below/mib, want/mib)
		}
	}
}

// TestSmallDiskRecovers fills a disk of 80 MiB and frees what the refusal asks for.
func TestSmallDiskRecovers(t *testing.T) {
	const total = 80 << 20
	var free atomic.Uint64
	free.Store(total)
	log := open(t, logDir, pebblelog.Options{
		FS: vfs.NewMem(),
		Disk: pebblelog.Disk{Usage: func() (vfs.DiskUsage, error) {
			return vfs.DiskUsage{AvailBytes: free.Load(), TotalBytes: total}, nil
		}},
	})
	appends := func(version eventlog.Version) error {
		_, err := log.Append(t.Context(), "a-1", version, pending("a-1", version, 1, 10)...)
		return err
	}
	if err := appends(0); err != nil {
		t.Fatal("on an empty disk:", err)
	}
	free.Store(10 << 20)
	err := appends(1)
	if domain.KindOf(err) != domain.ReadOnly || !strings.Contains(err.Error(), "once 39 MiB are free") {
		t.Fatalf("on a full disk: %v", err)
	}
	free.Store(40 << 20)
	if err := appends(1); err != nil {
		t.Error("with the space that was asked for:", err)
	}
}
