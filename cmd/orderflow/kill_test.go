package main_test

import (
	"bufio"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	killRounds = 50
	// maxKills bounds how often one round kills before it lets the import end.
	maxKills        = 3
	killRoundsShort = 6
	// minHalfway is how many kills must come while the providers are being
	// asked; the others come before, or when all is settled but not yet told.
	minHalfway = killRounds / 4
)

// importSurvivesKills kills imports at random moments, SIGKILL, and runs them
// again: they end with the figures of the file, no money was taken twice, and
// nothing is left standing. ORDERFLOW_SEED repeats a run.
func importSurvivesKills(t *testing.T, binary program) {
	seed := uint64(time.Now().UnixNano()) //nolint:gosec // a seed
	if given, err := strconv.ParseUint(os.Getenv("ORDERFLOW_SEED"), 10, 64); err == nil {
		seed = given
	}
	t.Logf("ORDERFLOW_SEED=%d", seed)
	rounds := inShort(t, killRounds, killRoundsShort)
	want := map[int64]figures{0: compute(t, sampleFile, 0), scarce: compute(t, sampleFile, scarce)}
	begun := time.Now()
	binary.on(t.TempDir()).runImport(t, sampleFile, asFlag(0))
	undisturbed := time.Since(begun)
	tally := killTally{undisturbed: undisturbed}
	t.Run("rounds", func(t *testing.T) {
		for round := range rounds {
			t.Run(strconv.Itoa(round), func(t *testing.T) {
				t.Parallel()
				chance := rand.New(rand.NewPCG(seed, uint64(round))) //nolint:gosec // reproducible chance
				stock := []int64{0, scarce}[round%2]
				killRound(t, binary, chance, stock, want[stock], &tally)
			})
		}
	})
	t.Logf("%d kills, %d of them with the import half done, which takes %v undisturbed", tally.kills, tally.halfway, undisturbed)
	if few := tally.kills < killRounds || tally.halfway < minHalfway; few && !testing.Short() { // a few rounds say nothing about chance
		t.Errorf("only %d of %d kills came in the middle of an import: the moments are badly chosen", tally.halfway, tally.kills)
	}
}

// inShort is how many rounds are done.
func inShort(t *testing.T, rounds, short int) int {
	t.Helper()
	if !testing.Short() {
		return rounds
	}
	t.Logf("in short form: %d of %d rounds", short, rounds)
	return short
}

// killTally counts what the kills hit.
type killTally struct {
	undisturbed time.Duration // how long an import takes when nobody kills it

	mu             sync.Mutex
	kills, halfway int
}

func (k *killTally) add(halfway bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.kills++
	if halfway {
		k.halfway++
	}
}

// killRound kills an import at least once, and up to maxKills times, before it
// lets it end. One that ended before it was killed is begun anew.
func killRound(t *testing.T, binary program, chance *rand.Rand, stock int64, want figures, tally *killTally) {
	n, within := binary.on(t.TempDir()), tally.undisturbed
	for !killImport(t, n, time.Duration(chance.Int64N(int64(within))), stock) {
		n, within = binary.on(t.TempDir()), max(within*3/4, time.Millisecond)
	}
	tally.add(n.halfway(want))
	for range chance.IntN(maxKills) {
		if killImport(t, n, time.Duration(chance.Int64N(int64(within))), stock) {
			tally.add(n.halfway(want))
		}
	}
	got, _ := n.runImport(t, sampleFile, asFlag(stock))
	if !reflect.DeepEqual(got, want.printed(t)) {
		t.Errorf("with --stock %s it ends with\n%+v, the file\n%+v", asFlag(stock), got, want.printed(t))
	}
	gatewayAgrees(t, n, want)
	viewsAgree(t, n, want)
	checkLog(t, n)
	verifies(t, n)
}

// killImport starts an import and kills it after a while; it says whether the
// kill came before the end.
func killImport(t *testing.T, n program, after time.Duration, stock int64) bool {
	cmd := n.command(t, "import", "online-retail", sampleFile, "--stock", asFlag(stock), "--json")
	if err := cmd.Start(); err != nil {
		t.Errorf("start: %v", err)
		return false
	}
	alarm := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
	defer alarm.Stop()
	err := cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() != -1 {
		t.Errorf("a killed import does not start again: %v", err)
	}
	return err != nil
}

// halfway says whether the providers were asked for some orders and not for all.
func (n program) halfway(want figures) bool {
	asked := ledgerLines(n)
	return asked > 0 && asked < 2*want.confirmed // each a charge and a parcel, apart from what comes back
}

// ledgerLines is how many calls the outside world has seen so far.
func ledgerLines(n program) (lines int) {
	file, err := os.Open(filepath.Join(n.data, "simulator", "ledger.jsonl"))
	if err != nil {
		return 0
	}
	defer file.Close() //nolint:errcheck // only read
	for s := bufio.NewScanner(file); s.Scan(); lines++ {
		if !strings.HasSuffix(s.Text(), "}") {
			break
		}
	}
	return lines
}

func asFlag(stock int64) string {
	if stock == 0 {
		return "auto"
	}
	return strconv.FormatInt(stock, 10)
}
