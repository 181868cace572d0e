package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"
)

const (
	copyRounds      = 24
	copyRoundsShort = 8
	// maxCopyKills bounds the kills of one round before the copy is let end.
	maxCopyKills = 3
)

// copyReported is what the tests read of a copy.
type copyReported struct {
	Copied     int64   `json:"copied"`
	PassedOver int64   `json:"passed_over"`
	Seconds    float64 `json:"copy_s"`
	Equal      bool    `json:"equal"`
	Source     struct {
		Events int64  `json:"events"`
		SHA256 string `json:"sha256"`
	} `json:"source"`
}

// copySurvivesKills kills, SIGKILL, copies at random moments, and the event
// stores that they read and write while they do. A killed copy is run again; a
// killed store comes back on its port, and the copy goes on by itself. All end
// with the same sum. ORDERFLOW_SEED repeats a run.
func copySurvivesKills(t *testing.T, binary program) {
	seed := uint64(time.Now().UnixNano()) //nolint:gosec // a seed
	if given, err := strconv.ParseUint(os.Getenv("ORDERFLOW_SEED"), 10, 64); err == nil {
		seed = given
	}
	t.Logf("ORDERFLOW_SEED=%d", seed)
	original := binary.on(t.TempDir())
	original.runImport(t, sampleFile, asFlag(0))
	served := startStore(t, binary)
	timed := func(from, to string) (copyReported, time.Duration) {
		begun := time.Now()
		return copyLog(t, binary, from, to), time.Since(begun)
	}
	want, toStore := timed(original.data, served.connection)
	_, fromStore := timed(served.connection, t.TempDir())
	_, embedded := timed(original.data, t.TempDir())
	halfway, rounds := 0, inShort(t, copyRounds, copyRoundsShort)
	for round := range rounds {
		chance := rand.New(rand.NewPCG(seed, uint64(round))) //nolint:gosec // reproducible chance
		var from, to *store
		source, target, within := original.data, t.TempDir(), embedded // what a copy takes
		switch round % 4 {
		case 0: // directory to directory
		case 1:
			to = startStore(t, binary)
			target, within = to.connection, toStore
		case 2:
			from = served
			source, within = from.connection, fromStore
		case 3: // both are killed in turn
			from, to = served, startStore(t, binary)
			source, target, within = from.connection, to.connection, toStore
		}
		for !killCopy(t, binary, chance, within, from, to, source, target) { // it was faster: again, and earlier
			if within = max(within*2/3, 10*time.Millisecond); to != nil {
				to = startStore(t, binary)
				target = to.connection
			} else {
				target = t.TempDir()
			}
		}
		for range chance.IntN(maxCopyKills) {
			killCopy(t, binary, chance, within, from, to, source, target)
		}
		got := copyLog(t, binary, source, target)
		if !got.Equal || got.Source != want.Source || got.Copied+got.PassedOver != want.Source.Events {
			t.Errorf("round %d: from %s to %s ends with\n%+v, want the sum of\n%+v", round, source, target, got, want)
		}
		if got.PassedOver > 0 && got.Copied > 0 {
			halfway++
		}
	}
	t.Logf("%d of the last runs went on in the middle; undisturbed a copy takes %v to a directory, %v to a store, %v from one", halfway, embedded, toStore, fromStore)
	if halfway < copyRounds/6 && !testing.Short() { // a few rounds say nothing about chance
		t.Error("no copy was killed in its middle: the moments are badly chosen")
	}
}

// copyLog runs a copy to its end.
func copyLog(t *testing.T, binary program, from, to string) (r copyReported) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary.path, "log", "copy", "--from", from, "--to", to, "--json")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || json.Unmarshal(out, &r) != nil {
		t.Fatalf("copy from %s to %s: %v\n%s%s", from, to, err, out, stderr.Bytes())
	}
	return r
}

// killCopy starts a copy and kills it after a while. Of the stores it works on
// one is killed before, and comes back. It
// says whether the copy was killed before its end.
func killCopy(t *testing.T, binary program, chance *rand.Rand, within time.Duration, from, to *store, source, target string) bool {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary.path, "log", "copy", "--from", source, "--to", target)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	after := func() <-chan time.Time { return time.After(time.Duration(chance.Int64N(int64(within)))) }
	for _, s := range []*store{from, to} {
		if s == nil {
			continue
		}
		select {
		case err := <-ended:
			ended <- err
		case <-after():
			s.kill()
			<-time.After(time.Duration(chance.Int64N(int64(outage)))) // it stays away
			s.start(t)
		}
	}
	select {
	case err := <-ended:
		ended <- err
	case <-after():
		_ = cmd.Process.Kill()
	}
	err := <-ended
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() != -1 {
		t.Errorf("a copy from %s to %s ends by itself: %v\n%s", source, target, err, stderr.Bytes())
	}
	return err != nil
}
