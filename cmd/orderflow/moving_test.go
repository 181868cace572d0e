package main_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"orderflow/infra/simulator"
)

const (
	// movePatience bounds one command of the runbook, and the wait until a server
	// is ready; both take a second or two.
	movePatience = time.Minute
	// moveAgain is the time between two askings whether a server is ready.
	moveAgain = 50 * time.Millisecond
)

// TestTheRunbookOfMoving follows docs/moving.md as a shop does that moves to an
// event store over night and back: word by word, in its order. What a shop does
// besides (orders, returns) happens between the steps; in the end all is there,
// charged once, and what was charged at one place can be refunded at the other.
func TestTheRunbookOfMoving(t *testing.T) {
	path, err := exec.LookPath("orderflow")
	if err != nil {
		t.Fatal(err)
	}
	s := startSecured(t, program{path: path})
	s.mends(t, "orderflow eventstore user add orderflow --reads-all")
	m := newMove(t, s)
	m.run("orderflow serve --data DIR")
	m.run("orderflow product add TEA 2.10 --server http://127.0.0.1:8080")
	m.run("orderflow stock receive TEA:1000 --server http://127.0.0.1:8080")
	first := m.order("first")
	steps := runbook(t)
	ran := map[string]int{}
	for _, step := range steps {
		ran[step]++
		before := m.sums
		m.run(step)
		switch {
		case strings.HasPrefix(step, "orderflow log copy --from BACKUP"):
			m.order("while the first copy was made")
		case strings.HasPrefix(step, "orderflow audit replay --data NEW"), strings.HasPrefix(step, "orderflow audit replay --data DIR") && ran[step] == 2:
			if m.sums != before {
				t.Errorf("%s: the figures are\n%s, and were\n%s", step, m.sums, before)
			}
		case strings.HasPrefix(step, "orderflow projections verify") && ran[step] == 1: // on the cluster
			m.refunds(first)
			first = m.order("on the cluster")
		case step == sigterm && ran[step] == 2:
			m.run("orderflow audit replay --data NEW") // now that nothing is under way any more
		}
	}
	m.refunds(first)
	m.order("back")
	m.stop()
	m.run("orderflow audit replay --data DIR")
	if !strings.Contains(m.sums, `"confirmed": 4`) {
		t.Errorf("not all four orders are there: %s", m.sums)
	}
	ledger, err := simulator.ReadLedger(filepath.Join(m.work, "DIR", "simulator", simulator.LedgerFile))
	if err != nil || len(ledger.DoubleCharged()) > 0 || ledger.Captured["GBP"] != 4*840 || ledger.Refunded["GBP"] != 2*210 {
		t.Errorf("the gateway's books are %+v: %v", ledger, err)
	}
	if len(steps) < 20 || ran["orderflow serve --data NEW"] != 1 || ran["orderflow serve --data DIR"] != 1 {
		t.Errorf("the runbook has %d steps: %v", len(steps), steps)
	}
}

// sigterm stands for the sentence of the runbook that has the server ended.
const sigterm = "(end orderflow serve with SIGTERM)"

// runbook returns the commands of docs/moving.md from its first heading of a move
// on, and sigterm where the text has the server ended.
func runbook(t *testing.T) (steps []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "moving.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, moves, _ := strings.Cut(string(text), "\n## One binary to a cluster")
	moves, _, _ = strings.Cut(moves, "\n## How fast")
	fenced := false
	for line := range strings.Lines(moves) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "```"):
			fenced = line == "```sh"
		case fenced && line != "":
			steps = append(steps, line)
		case strings.Contains(strings.ToLower(line), "end `orderflow serve` with sigterm"):
			steps = append(steps, sigterm)
		}
	}
	return steps
}

// move is a person who follows the runbook in a directory of theirs, with a shell
// that keeps its variables.
type move struct {
	t      *testing.T
	tour   *tour
	work   string
	places *strings.Replacer
	shell  []string // what changed its variables
	sums   string   // what audit replay printed last, but what differs from log to log
}

func newMove(t *testing.T, s *secured) *move {
	t.Helper()
	api, private := freePort(t), freePort(t)
	m := &move{t: t, work: t.TempDir()}
	m.places = strings.NewReplacer("HOST:2113", s.address, ":SECRET@", ":"+userPassword+"@", "ca.crt", filepath.Join(s.certificates, "ca", "ca.crt"), "127.0.0.1:8080", api)
	m.tour = &tour{t: t, env: append(os.Environ(), "ORDERFLOW_LOG_LEVEL=warn", "ORDERFLOW_LISTEN="+api, "ORDERFLOW_PRIVATE="+private, "ORDERFLOW_PROBE="+private)}
	t.Cleanup(m.stop)
	return m
}

// run does one step of the runbook, which must succeed.
func (m *move) run(step string) {
	m.t.Helper()
	switch {
	case step == sigterm:
		m.stop()
	case strings.HasPrefix(step, "export "), strings.HasPrefix(step, "unset "):
		m.shell = append(m.shell, step)
	case strings.HasPrefix(step, "orderflow serve"):
		m.serve(step)
	case strings.HasPrefix(step, "orderflow probe"):
		m.ready(step)
	case strings.HasPrefix(step, "orderflow audit replay"):
		m.sums = sumsOf(m.t, m.must(step+" --json"))
	default:
		m.must(step)
	}
}

// command is a step in a shell with the variables of the steps before.
func (m *move) command(ctx context.Context, step string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "sh", "-ec", m.places.Replace(strings.Join(append(m.shell, step), "\n")))
	cmd.Dir, cmd.Env = m.work, m.tour.env
	return cmd
}

func (m *move) try(step string) (string, error) {
	ctx, cancel := context.WithTimeout(m.t.Context(), movePatience)
	defer cancel()
	out, err := m.command(ctx, step).CombinedOutput()
	return string(out), err
}

func (m *move) must(step string) string {
	m.t.Helper()
	out, err := m.try(step)
	if err != nil {
		m.t.Fatalf("%s: %v\n%s", step, err, out)
	}
	return out
}

func (m *move) serve(step string) {
	m.t.Helper()
	cmd := m.command(context.WithoutCancel(m.t.Context()), "exec "+step)
	out, err := cmd.StdoutPipe()
	if err != nil {
		m.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.tour.running = append(m.tour.running, cmd)
	if said := readUntil(out, "/openapi.json"); !strings.Contains(said, "/openapi.json") {
		m.t.Fatalf("%s: it says %s", step, said)
	}
}

// stop ends the server that runs, if one does.
func (m *move) stop() {
	for _, server := range m.tour.running {
		_ = server.Process.Signal(syscall.SIGTERM)
		if err := server.Wait(); err != nil {
			m.t.Errorf("%s ends with %v", server, err)
		}
	}
	m.tour.running = nil
}

// ready asks until the server is ready, as the runbook says.
func (m *move) ready(step string) {
	m.t.Helper()
	deadline := time.Now().Add(movePatience)
	for {
		out, err := m.try(step)
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			m.t.Fatalf("%s: %v\n%s", step, err, out)
		}
		time.Sleep(moveAgain) // a process that is asked cannot be waited for
	}
}

// order places an order, which must be confirmed, and returns its id.
func (m *move) order(when string) string {
	m.t.Helper()
	said := m.must("orderflow order place --customer bob TEA:4 --server http://127.0.0.1:8080")
	id := regexp.MustCompile(`ord_[0-9a-z]{26}`).FindString(said)
	if id == "" || !strings.Contains(said, "SUCCESS") {
		m.t.Fatalf("%s an order is not confirmed: %s", when, said)
	}
	return id
}

// refunds returns goods of an order and waits until the money is back.
func (m *move) refunds(id string) {
	m.t.Helper()
	m.must("orderflow order return " + id + " 0:1 --server http://127.0.0.1:8080")
	deadline := time.Now().Add(movePatience)
	for {
		said := m.must("orderflow order get " + id + " --json --server http://127.0.0.1:8080")
		var o struct{ Refunded struct{ Minor int64 } }
		if err := json.Unmarshal([]byte(said), &o); err != nil {
			m.t.Fatalf("%v: %s", err, said)
		}
		if o.Refunded.Minor == 210 {
			return
		}
		if time.Now().After(deadline) {
			m.t.Fatalf("the money of %s is not back: %s", id, said)
		}
		time.Sleep(moveAgain) // a process that is asked cannot be waited for
	}
}

// sumsOf returns what must be the same on two copies of a log.
func sumsOf(t *testing.T, out string) string {
	t.Helper()
	var r replayed
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	r.Events = 0 // a server has some of its own
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
