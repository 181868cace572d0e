package main_test

import (
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

const (
	// turnKills is how many stores are killed, and how many imports; half as many
	// of the kills come with the import half done.
	turnKills      = 20
	turnKillsShort = 4
	// maxTurnRounds bounds the rounds for each of these kills: a round kills at
	// least one of the two, mostly both, unless the import is faster.
	maxTurnRounds = 3
	// turnsBeside is how many rounds are done at the same time, with enough stock
	// and with too little in turn.
	turnsBeside = 2
	// maxTurns bounds how often one round kills before it lets the import end.
	maxTurns = 4
	// earlyTurns is of how many kills one comes early, within earlyTurn of the
	// start, mostly before the outside world was asked for anything.
	earlyTurns, earlyTurn = 4, 400 * time.Millisecond
	// outage is for how long a killed node stays away, at most.
	outage = 300 * time.Millisecond
	// turnPatience bounds one import that is let run: it waits for a node that is away.
	turnPatience = 3 * time.Minute
)

// importSurvivesKillsInTurn kills, SIGKILL, now the event store and now the
// application in the middle of an import. A killed store comes back on its
// port, and the import goes on by itself; a killed import is run again. Rounds
// go on until enough of both were killed. ORDERFLOW_SEED repeats the choices.
func importSurvivesKillsInTurn(t *testing.T, binary program) {
	seed := uint64(time.Now().UnixNano()) //nolint:gosec // a seed
	if given, err := strconv.ParseUint(os.Getenv("ORDERFLOW_SEED"), 10, 64); err == nil {
		seed = given
	}
	t.Logf("ORDERFLOW_SEED=%d", seed)
	want := map[int64]figures{0: compute(t, sampleFile, 0), scarce: compute(t, sampleFile, scarce)}
	tally := &turnTally{goal: int64(inShort(t, turnKills, turnKillsShort))}
	rounds := 0
	for most := maxTurnRounds * int(tally.goal); rounds < most && !tally.reached() && !t.Failed(); {
		t.Run("rounds from "+strconv.Itoa(rounds), func(t *testing.T) {
			for range turnsBeside {
				round := rounds
				rounds++
				t.Run(strconv.Itoa(round), func(t *testing.T) {
					t.Parallel()
					chance := rand.New(rand.NewPCG(seed, uint64(round))) //nolint:gosec // reproducible chance
					stock := []int64{0, scarce}[round%2]
					turnRound(t, binary, chance, stock, want[stock], tally)
				})
			}
		})
	}
	t.Logf("%d stores and %d imports killed in %d rounds, %d of those with the import half done", tally.stores.Load(), tally.imports.Load(), rounds, tally.halfway.Load())
	if !tally.reached() {
		t.Errorf("too few kills came in the middle of an import, of %d stores and %d imports that are wanted", tally.goal, tally.goal)
	}
}

// turnTally counts what the kills hit.
type turnTally struct {
	goal                     int64
	stores, imports, halfway atomic.Int64
}

func (k *turnTally) reached() bool {
	return k.stores.Load() >= k.goal && k.imports.Load() >= k.goal && k.halfway.Load() >= k.goal/2
}

// turnRound kills the store and the import in turn, and then lets the import end.
func turnRound(t *testing.T, binary program, chance *rand.Rand, stock int64, want figures, tally *turnTally) {
	s := startStore(t, binary)
	n := binary.on(t.TempDir()).with(s)
	storeFirst := chance.IntN(2) == 0
	run := n.begin(t, stock)
	for turn, at := range moments(chance, 2*want.confirmed) {
		if !run.comes(n, at) {
			break
		}
		if n.halfway(want) {
			tally.halfway.Add(1)
		}
		if storeFirst == (turn%2 == 0) {
			s.kill()
			tally.stores.Add(1)
			ended := run.ended(time.Duration(chance.Int64N(int64(outage))))
			s.start(t)
			if ended {
				run = n.begin(t, stock)
			}
			continue
		}
		run.kill()
		tally.imports.Add(1)
		run = n.begin(t, stock)
	}
	if !run.ended(turnPatience) {
		run.kill()
		t.Fatal("the import does not end")
	}
	if err := run.complaint(); err != nil {
		t.Error(err)
	}
	got, _ := n.runImport(t, sampleFile, asFlag(stock))
	if !reflect.DeepEqual(got, want.printed(t)) {
		t.Errorf("with --stock %s it ends with\n%+v, the file\n%+v", asFlag(stock), got, want.printed(t))
	}
	agreesWithKills(t, n, want)
}

// moment is one of an import: a while after its start, or when the outside world
// has seen so many calls, which no machine is too slow for.
type moment struct {
	after time.Duration
	calls int
}

// moments chooses when one round kills: in the order of what the outside world
// has seen, of all calls that an import makes, and now and then early.
func moments(chance *rand.Rand, all int) []moment {
	list := make([]moment, 2+chance.IntN(maxTurns-1))
	calls := make([]int, len(list))
	for i := range calls {
		calls[i] = 1 + chance.IntN(all-1)
	}
	slices.Sort(calls)
	for i := range list {
		if list[i].calls = calls[i]; chance.IntN(earlyTurns) == 0 {
			list[i] = moment{after: 1 + time.Duration(chance.Int64N(int64(earlyTurn)))}
		}
	}
	return list
}

// comes returns when a moment of an import has come; false says that the import
// ended before.
func (r *running) comes(n program, at moment) bool {
	if at.calls == 0 {
		return !r.ended(at.after)
	}
	return r.reaches(n, max(at.calls, ledgerLines(n)+1)) // an import that was begun again has to do something first
}
