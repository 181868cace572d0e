package main_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"reflect"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// store is an embedded EventStoreDB node in a process of its own.
type store struct {
	binary, data, connection, address string
	running                           *exec.Cmd
	env                               []string  // besides that of the test
	stderr                            io.Writer // takes its log; nil drops it
}

// startStore starts a node on a fresh directory and a free port.
func startStore(t *testing.T, binary node) *store {
	t.Helper()
	s := &store{binary: binary.path, data: t.TempDir(), address: "127.0.0.1:0"}
	s.start(t)
	t.Cleanup(s.kill)
	return s
}

// start returns when the node takes requests. After the first time it is where it was.
func (s *store) start(t *testing.T) {
	t.Helper()
	for range 50 { // its port may be somebody's who was faster, for a moment
		s.running = exec.CommandContext(t.Context(), s.binary, "eventstore", "--data", s.data, "--listen", s.address, "--insecure", "--json")
		s.running.Env, s.running.Stderr = append(os.Environ(), s.env...), s.stderr
		out, err := s.running.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := s.running.Start(); err != nil {
			t.Fatal(err)
		}
		var told struct{ Connection string }
		if err := json.NewDecoder(out).Decode(&told); err == nil {
			s.connection = told.Connection
			s.address = strings.TrimSuffix(strings.TrimPrefix(told.Connection, "esdb://"), "?tls=false")
			return
		}
		if err := s.running.Wait(); err == nil {
			t.Fatal("the event store ended")
		}
		if _, _, err := net.SplitHostPort(s.address); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatalf("the event store does not start at %s", s.address)
}

// kill ends the node as a power cut would, as far as the process goes.
func (s *store) kill() {
	_ = s.running.Process.Kill()
	_ = s.running.Wait()
}

// importOnEventStore does what importAgrees does with the log in an event
// store, and then holds it against a run on the embedded log.
func importOnEventStore(t *testing.T, binary node, file string, stock int64) {
	want := compute(t, file, stock)
	n := binary.on(t.TempDir()).with(startStore(t, binary))
	got, times := n.runImport(t, file, asFlag(stock))
	if !reflect.DeepEqual(got, want.printed(t)) {
		t.Fatalf("the import says\n%+v, the file\n%+v", got, want.printed(t))
	}
	t.Logf("%d orders in %.1f s: %.0f orders/s", got.OrdersPlaced, times.Elapsed, times.Rate)
	agreesEverywhere(t, n, want)
	events := checkLog(t, n)
	if again, _ := n.runImport(t, file, asFlag(stock)); !reflect.DeepEqual(again, got) {
		t.Errorf("the second run says\n%+v, the first\n%+v", again, got)
	}
	if after := checkLog(t, n); after != events {
		t.Errorf("the second run took the log from %d to %d events", events, after)
	}
	embedded := binary.on(t.TempDir())
	if same, _ := embedded.runImport(t, file, asFlag(stock)); !reflect.DeepEqual(same, got) {
		t.Errorf("on the embedded log it says\n%+v, on the event store\n%+v", same, got)
	}
	var here, there replayed
	n.ask(t, &here, "audit", "replay")
	embedded.ask(t, &there, "audit", "replay")
	here.Events, there.Events = 0, 0 // an attempt more or less is no other figure
	if !reflect.DeepEqual(here, there) {
		t.Errorf("the log in the event store says\n%+v, the embedded one\n%+v", here, there)
	}
}

func agreesEverywhere(t *testing.T, n node, want figures) {
	t.Helper()
	logAgrees(t, n, want)
	viewsAgree(t, n, want)
	gatewayAgrees(t, n, want)
	verifies(t, n)
}

const (
	turnRounds      = 20
	turnRoundsShort = 4
	// maxTurns bounds how often one round kills before it lets the import end.
	maxTurns = 4
	// outage is for how long a killed node stays away, at most.
	outage = 300 * time.Millisecond
	// turnPatience bounds one import that is let run: it waits for a node that is away.
	turnPatience = 3 * time.Minute
)

// importSurvivesKillsInTurn kills, SIGKILL, now the event store and now the
// application in the middle of an import. A killed store comes back on its
// port, and the import goes on by itself; a killed import is run again.
// ORDERFLOW_SEED repeats a run.
func importSurvivesKillsInTurn(t *testing.T, binary node) {
	seed := uint64(time.Now().UnixNano()) //nolint:gosec // a seed
	if given, err := strconv.ParseUint(os.Getenv("ORDERFLOW_SEED"), 10, 64); err == nil {
		seed = given
	}
	t.Logf("ORDERFLOW_SEED=%d", seed)
	want := map[int64]figures{0: compute(t, sampleFile, 0), scarce: compute(t, sampleFile, scarce)}
	begun := time.Now()
	binary.on(t.TempDir()).with(startStore(t, binary)).runImport(t, sampleFile, asFlag(0))
	rounds := inShort(t, turnRounds, turnRoundsShort)
	tally := &turnTally{undisturbed: time.Since(begun)}
	t.Run("rounds", func(t *testing.T) {
		for round := range rounds {
			t.Run(strconv.Itoa(round), func(t *testing.T) {
				if round%2 == 0 {
					t.Parallel()
				}
				chance := rand.New(rand.NewPCG(seed, uint64(round))) //nolint:gosec // reproducible chance
				stock := []int64{0, scarce}[round%2]
				turnRound(t, binary, chance, stock, want[stock], tally)
			})
		}
	})
	t.Logf("%d stores and %d imports killed, %d of those with the import half done, which takes %v undisturbed",
		tally.stores.Load(), tally.imports.Load(), tally.halfway.Load(), tally.undisturbed)
	few := tally.stores.Load() < turnRounds/2 || tally.imports.Load() < turnRounds/2 || tally.halfway.Load() < turnRounds/4
	if few && !testing.Short() { // a few rounds say nothing about chance
		t.Error("too few kills came in the middle of an import: the moments are badly chosen")
	}
}

// turnTally counts what the kills hit.
type turnTally struct {
	undisturbed              time.Duration
	stores, imports, halfway atomic.Int64
}

// turnRound kills the store and the import in turn, at least once each, and
// then lets the import end.
func turnRound(t *testing.T, binary node, chance *rand.Rand, stock int64, want figures, tally *turnTally) {
	s := startStore(t, binary)
	n := binary.on(t.TempDir()).with(s)
	storeFirst := chance.IntN(2) == 0
	turns := 2 + chance.IntN(maxTurns-1)
	share := tally.undisturbed / time.Duration(turns)
	run := n.begin(t, stock)
	for turn := range turns {
		if run.ended(time.Duration(chance.Int64N(int64(share)) + 1)) {
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

// agreesWithKills compares everything but the log's own sums, in which stock
// that was released again may stand.
func agreesWithKills(t *testing.T, n node, want figures) {
	t.Helper()
	gatewayAgrees(t, n, want)
	viewsAgree(t, n, want)
	checkLog(t, n)
	verifies(t, n)
}

// running is an import under way.
type running struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // how it went, once done is closed
	said *strings.Builder
}

func (n node) begin(t *testing.T, stock int64) *running {
	t.Helper()
	r := &running{cmd: n.command(t, "import", "online-retail", sampleFile, "--stock", asFlag(stock), "--json"), done: make(chan struct{}), said: &strings.Builder{}}
	r.cmd.Stderr = r.said
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(r.done)
		r.err = r.cmd.Wait()
	}()
	return r
}

// ended says whether the import ended within a time.
func (r *running) ended(within time.Duration) bool {
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-r.done:
		return true
	case <-timer.C:
		return false
	}
}

func (r *running) kill() {
	_ = r.cmd.Process.Kill()
	<-r.done
}

// complaint is why the import failed, if it did so by itself.
func (r *running) complaint() error {
	exit, failed := errors.AsType[*exec.ExitError](r.err)
	if !failed || exit.ExitCode() == -1 {
		return nil
	}
	return fmt.Errorf("the import failed by itself: %w\n%s", r.err, r.said)
}
