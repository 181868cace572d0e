package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// elsewhere are commands of the README that other tests run, or that are the tests.
var elsewhere = map[string]string{
	"go run ./cmd/orderflow demo": "testdata/script/demo.txtar",

	"make fleet":                        "TestFleet",
	"make fleet-stop":                   "TestFleet",
	"set -a; source .fleet/env; set +a": "TestFleet",
	".fleet/orderflow order list":       "TestFleet",
	".fleet/orderflow import online-retail FILE --data CLIENT":     "TestFleet",
	".fleet/orderflow poison list":                                 "infra/kafka",
	".fleet/orderflow probe ready --private http://127.0.0.1:PORT": "TestFleet, by infra/deploy/fleet.sh",

	"make test":       "this is it",
	"orderflow bench": "it takes minutes",

	"orderflow log backup --server http://127.0.0.1:8080 BACKUP":               brokenLogs,
	"orderflow log verify --data DIR":                                          brokenLogs,
	"mv DIR/log DIR/log.broken && cp -r BACKUP/log DIR/log && rm -r DIR/views": brokenLogs,
	"orderflow log accept-loss --data DIR":                                     brokenLogs,
	"orderflow log accept-loss --data DIR --yes":                               brokenLogs,
}

// brokenLogs is where the commands for a log that is refused are tested.
const brokenLogs = "testdata/script/log.txtar"

// tourPatience bounds one command of the tour.
const tourPatience = time.Minute

// TestReadme types what the README says, word by word, in its order. Only the
// places are others: a free port for 8080, and what stands in capitals.
func TestReadme(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("the README's tour of the API needs curl: %v", err)
		}
		t.Skipf("NOT TESTED: the README's tour of the API needs curl: %v", err)
	}
	lines := readmeCommands(t)
	tour := newTour(t)
	ran := 0
	for _, line := range lines {
		command := strings.TrimSpace(regexp.MustCompile(`\s{2,}# .*`).ReplaceAllString(line, ""))
		if where, there := elsewhere[command]; there {
			t.Logf("not run here, for %s: %s", where, command)
			continue
		}
		ran++
		switch {
		case strings.HasPrefix(command, "orderflow serve"):
			tour.start(command, "/openapi.json")
		case strings.HasPrefix(command, "orderflow eventstore"):
			tour.start(command, "esdb://")
		case strings.HasPrefix(command, "api="), strings.HasPrefix(command, "export "):
			tour.env = append(tour.env, strings.ReplaceAll(strings.TrimPrefix(tour.fill(command), "export "), "'", ""))
		case strings.HasPrefix(command, "orderflow") && strings.Contains(command, "--data DIR"):
			tour.stop() // the directory is the server's as long as it runs
			tour.run(command)
		default:
			tour.run(command)
		}
	}
	if tour.order == "" || ran < 15 {
		t.Errorf("only %d commands were run, with the order %q", ran, tour.order)
	}
}

// readmeCommands are the lines of the README's sh blocks; a line that ends
// with a backslash goes on in the next.
func readmeCommands(t *testing.T) (commands []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range regexp.MustCompile("(?ms)^```sh\n(.*?)^```$").FindAllSubmatch(text, -1) {
		for line := range strings.Lines(strings.ReplaceAll(string(block[1]), "\\\n", " ")) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
				commands = append(commands, line)
			}
		}
	}
	return commands
}

// tour is a person who follows the README.
type tour struct {
	t       *testing.T
	places  map[string]string // for what the README says
	order   string            // the last one that was seen
	env     []string
	running []*exec.Cmd
}

func newTour(t *testing.T) *tour {
	t.Helper()
	tour := &tour{t: t, places: map[string]string{
		"127.0.0.1:8080": freePort(t), "127.0.0.1:2113": freePort(t),
		"DIR": t.TempDir(), "NEW": t.TempDir(), "LOG": t.TempDir(), "FILE": sampleFile,
	}}
	tour.env = append(os.Environ(), "HOME="+t.TempDir(), "XDG_STATE_HOME=", "ORDERFLOW_LOG_LEVEL=warn", "ORDERFLOW_PRIVATE=127.0.0.1:0",
		"ORDERFLOW_LISTEN="+tour.places["127.0.0.1:8080"], "ORDERFLOW_EVENTSTORE_LISTEN="+tour.places["127.0.0.1:2113"])
	t.Cleanup(tour.stop)
	return tour
}

func freePort(t *testing.T) string {
	t.Helper()
	socket, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := socket.Close(); err != nil {
		t.Fatal(err)
	}
	return socket.Addr().String()
}

// fill puts real places where the README has others.
func (r *tour) fill(command string) string {
	return regexp.MustCompile(`127\.0\.0\.1:(8080|2113)|\b(DIR|NEW|LOG|FILE|ORDER)\b`).ReplaceAllStringFunc(command, func(word string) string {
		if word == "ORDER" {
			return r.order
		}
		return r.places[word]
	})
}

func (r *tour) shell(ctx context.Context, command string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "sh", "-c", "exec "+command) // so that it is the command that is ended, and not its shell
	cmd.Env, cmd.WaitDelay = r.env, time.Second
	return cmd
}

// start starts what goes on running, and returns when it says where it is.
func (r *tour) start(command, ready string) {
	r.t.Helper()
	server := r.shell(context.WithoutCancel(r.t.Context()), r.fill(command))
	out, err := server.StdoutPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.running = append(r.running, server)
	if said := readUntil(out, ready); !strings.Contains(said, ready) {
		r.t.Fatalf("%s: it says %s", command, said)
	}
}

// stop ends what runs as Ctrl-C does, the last first.
func (r *tour) stop() {
	for _, server := range slices.Backward(r.running) {
		_ = server.Process.Signal(os.Interrupt)
		if err := server.Wait(); err != nil {
			r.t.Errorf("%s ends with %v", server, err)
		}
	}
	r.running = nil
}

// run types one command, which must do what it says.
func (r *tour) run(command string) {
	r.t.Helper()
	if strings.Contains(command, "ORDER") && r.order == "" {
		r.t.Fatalf("%s: no order was seen", command)
	}
	ctx, cancel := context.WithTimeout(r.t.Context(), tourPatience)
	defer cancel()
	cmd := r.shell(ctx, r.fill(command))
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	endless := strings.HasPrefix(command, "curl -N")
	out, err := cmd.StdoutPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	said := readUntil(out, map[bool]string{true: "order.confirmed.v1", false: "\x00"}[endless])
	if endless {
		cancel()
	}
	if err := cmd.Wait(); err != nil && !endless || strings.Contains(said, "/problems/") || said == "" {
		r.t.Errorf("%s: %v\n%s%s", command, err, said, complaints.String())
	}
	if curl := strings.HasPrefix(command, "curl -s"); curl && !json.Valid([]byte(said)) {
		r.t.Errorf("%s: answers no JSON: %s", command, said)
	}
	for _, sign := range []string{`Prefer: wait`, "order place"} {
		if strings.Contains(command, sign) && !strings.Contains(said, "SUCCESS") {
			r.t.Errorf("%s: the order is not fulfilled: %s", command, said)
		}
	}
	if strings.Contains(command, "ORDER") && !strings.Contains(said, r.order) {
		r.t.Errorf("%s: it is not about %s: %s", command, r.order, said)
	}
	if found := regexp.MustCompile(`ord_[0-9a-z]{26}`).FindString(said); found != "" && strings.Contains(said, "SUCCESS") {
		r.order = found
	}
}

// readUntil reads up to a text or the end.
func readUntil(from io.Reader, text string) string {
	var said strings.Builder
	part := make([]byte, 4<<10)
	for !strings.Contains(said.String(), text) {
		n, err := from.Read(part)
		said.Write(part[:n])
		if err != nil {
			break
		}
	}
	return said.String()
}
