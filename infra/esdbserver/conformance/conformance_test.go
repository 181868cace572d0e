package conformance_test

import (
	"context"
	_ "embed"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"orderflow/infra/esdbserver/conformance"
)

//go:embed testdata/containers_test.go.txt
var replacement []byte

//go:embed testdata/leaf_tests.txt
var leafTests string

//go:embed testdata/expected_failures.txt
var expectedFailures string

const (
	// fewestPassed is what the node has reached and is not to fall behind,
	// whatever the lists say.
	fewestPassed = 103
	// runLimit bounds one run of the suite, which takes half a minute.
	runLimit = 5 * time.Minute
	// maxRounds bounds CONFORMANCE_ROUNDS.
	maxRounds = 100
	// maxShown bounds the failed tests whose output is shown, maxShownBytes the end of each.
	maxShown, maxShownBytes = 20, 8 << 10
)

// kinds are the runs that are made: everything, and what TLS and passwords may
// change. One of the tests that cannot pass is left out because it tries again
// for 100 seconds.
var kinds = []conformance.Job{
	{
		Kind: "insecure", Not: []string{"TestPlugins", "TestProjections/ProjectionTests/updateProjection"},
		Env: []string{"EVENTSTORE_INSECURE=true"}, Limit: runLimit,
	},
	{
		Kind: "tls", Only: []string{"TestStreams", "TestPersistentSubscriptions", "TestExpectations", "TestPlugins"},
		Env: []string{"EVENTSTORE_INSECURE=false"}, Limit: runLimit,
	},
}

// TestConformance runs the official suite against fresh nodes, as often as
// CONFORMANCE_ROUNDS says, and ends with the judge's line. With -short it makes
// only the run without TLS, and its line says so.
func TestConformance(t *testing.T) {
	expected, err := conformance.NewExpectations(leafTests, expectedFailures)
	jobs, part, fewest := kinds, "", fewestPassed
	if testing.Short() {
		jobs, part, fewest = kinds[:1], " (-short: the run over TLS was left out)", 0
		expected = expected.Only(jobs[0].Kind)
	}
	var all []conformance.Run
	defer func() { report(t, conformance.Judge(expected, all...), all, fewest, part) }()
	if err != nil {
		t.Fatal(err)
	}
	b, rounds := prepare(t), rounds(t)
	for round := range rounds {
		runs := b.round(t, round+1, jobs)
		all = append(all, runs...)
		if rounds > 1 {
			fmt.Printf("round %d of %d: %s\n", round+1, rounds, conformance.Judge(expected, runs...))
		}
	}
}

// report ends the test with the judge's line, also when there was no run.
func report(t *testing.T, v conformance.Verdict, runs []conformance.Run, fewest int, part string) {
	t.Helper()
	if len(runs) > 0 {
		for problem, times := range counted(v.Problems) {
			t.Errorf("%s, in %d of %d runs", problem, times, len(runs))
		}
	}
	if len(v.Failed) > 0 {
		for _, test := range append(v.Failed[:min(maxShown, len(v.Failed))], "") { // "" printed what no test did
			show(t, test, runs)
		}
	}
	if v.Passed < fewest {
		t.Errorf("%d passed; it was at least %d before", v.Passed, fewest)
	}
	fmt.Printf("%s%s\n", v, part)
}

// counted yields every line once, in order, and how often it is there.
func counted(lines []string) iter.Seq2[string, int] {
	return func(yield func(string, int) bool) {
		times := map[string]int{}
		for _, line := range lines {
			times[line]++
		}
		for _, line := range slices.Sorted(maps.Keys(times)) {
			if !yield(line, times[line]) {
				return
			}
		}
	}
}

// show prints what a test printed in the first run in which it did not pass.
func show(t *testing.T, test string, runs []conformance.Run) {
	t.Helper()
	for _, run := range runs {
		if printed := run.Output[test]; printed != "" && run.Tests[test] != conformance.Passed {
			t.Logf("%s, %s:\n%s", run.Name, test, printed[max(0, len(printed)-maxShownBytes):])
			return
		}
	}
}

// rounds returns how often all runs are made.
func rounds(t *testing.T) int {
	t.Helper()
	text := os.Getenv("CONFORMANCE_ROUNDS")
	if text == "" {
		return 1
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxRounds {
		t.Fatalf("CONFORMANCE_ROUNDS is %q; it takes a number from 1 to %d", text, maxRounds)
	}
	return n
}

// bench is what all runs share.
type bench struct {
	suite    conformance.Suite
	binary   string
	original original
}

// prepare builds the suite, the node and the data set.
func prepare(t *testing.T) bench {
	t.Helper()
	watchSources(t)
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	start := time.Now()
	suite, err := conformance.Prepare(t.Context(), moduleDir(t), filepath.Join(cache, "orderflow", "conformance"), replacement)
	if err != nil {
		t.Fatalf("the suite cannot be prepared: %v", err)
	}
	b := bench{suite: suite, binary: filepath.Join(t.TempDir(), "orderflow")}
	if err := conformance.BuildNode(t.Context(), root, b.binary, raceEnabled); err != nil {
		t.Fatalf("the node cannot be built: %v", err)
	}
	t.Logf("the suite and the node were built in %v", time.Since(start).Round(time.Millisecond))
	b.original = fill(t, suite.Resources)
	return b
}

// round makes one run of each kind, side by side: the suite mostly waits. What
// could not be run is left out.
func (b bench) round(t *testing.T, number int, jobs []conformance.Job) []conformance.Run {
	t.Helper()
	runs := make([]conformance.Run, len(jobs))
	t.Run(fmt.Sprint("round", number), func(t *testing.T) { // the name becomes a folder, which the suite puts into addresses
		for i, job := range jobs {
			t.Run(job.Kind, func(t *testing.T) {
				t.Parallel()
				runs[i] = b.run(t, job)
			})
		}
	})
	return slices.DeleteFunc(runs, func(run conformance.Run) bool { return run.Tests == nil })
}

// run makes one run of the suite against two fresh nodes.
func (b bench) run(t *testing.T, job conformance.Job) conformance.Run {
	t.Helper()
	start, folder, certificates := time.Now(), t.TempDir(), ""
	if job.Kind == "tls" {
		certificates = filepath.Join(folder, "certs")
		if err := conformance.WriteCertificates(certificates, start); err != nil {
			t.Fatal(err)
		}
	}
	empty := b.start(t, filepath.Join(folder, "empty"), certificates)
	populated, stop := b.original.serve(t, certificates)
	ready := time.Since(start)
	job.Env = append(job.Env, "EVENTSTORE_TEST_ADDRESS="+empty.Address, "EVENTSTORE_TEST_POPULATED_ADDRESS="+populated)
	run, err := b.suite.Run(t.Context(), folder, job)
	if err != nil {
		t.Fatalf("%s: the suite cannot be run: %v", job.Kind, err)
	}
	stop()
	if err := empty.Stop(); err != nil {
		t.Errorf("%s: %v; it printed:\n%s", job.Kind, err, empty.Log())
	}
	t.Logf("%s: nodes were ready in %v, the suite ran in %v", job.Kind, ready.Round(time.Millisecond), (time.Since(start) - ready).Round(time.Millisecond))
	return run
}

// start starts a node of the binary, which is killed with the test if it is
// not stopped before.
func (b bench) start(t *testing.T, data, certificates string) *conformance.Node {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	node, err := conformance.StartNode(ctx, b.binary, data, certificates)
	if err != nil {
		t.Fatalf("a node cannot be started: %v", err)
	}
	return node
}

// root is the folder of the module, from here.
var root = filepath.Join("..", "..", "..")

// moduleDir returns where the client's module lies.
func moduleDir(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", conformance.ClientModule).Output()
	dir := strings.TrimSpace(string(out))
	if err != nil || dir == "" {
		t.Fatalf("the module of the client is not here: %v", err)
	}
	return dir
}

// watchSources opens what the node is built from, so that the test cache
// notices when any of it changes: the binary is none of its inputs.
func watchSources(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != root && strings.HasPrefix(entry.Name(), "."):
			return fs.SkipDir
		case entry.IsDir(), !strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, ".sum"), strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := os.Open(path) //nolint:gosec // below our own root
		if err != nil {
			return err
		}
		return file.Close()
	})
	if err != nil {
		t.Fatal(err)
	}
}
