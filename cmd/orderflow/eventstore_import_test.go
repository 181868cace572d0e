package main_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// store is an embedded EventStoreDB node in a process of its own.
type store struct {
	binary, data, connection, address string
	certificates                      string // with TLS, where they are; else the node asks nobody who it is
	running                           *exec.Cmd
	env                               []string  // besides that of the test
	stderr                            io.Writer // takes its log; nil drops it
}

// startStore starts a node on a fresh directory and a free port.
func startStore(t *testing.T, binary program) *store {
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
		s.running = exec.CommandContext(t.Context(), s.binary, append([]string{"eventstore", "--data", s.data, "--listen", s.address, "--json"}, s.security()...)...)
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
			s.address, _, _ = strings.Cut(strings.TrimPrefix(told.Connection, "esdb://"), "?")
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

func (s *store) security() []string {
	if s.certificates == "" {
		return []string{"--insecure"}
	}
	node := filepath.Join(s.certificates, "node", "node")
	return []string{"--tls-cert", node + ".crt", "--tls-key", node + ".key"}
}

// kill ends the node as a power cut would, as far as the process goes.
func (s *store) kill() {
	_ = s.running.Process.Kill()
	_ = s.running.Wait()
}

// importOnEventStore does what importAgrees does with the log in an event
// store, and then holds it against a run on the embedded log.
func importOnEventStore(t *testing.T, binary program, file string, stock int64) {
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

func agreesEverywhere(t *testing.T, n program, want figures) {
	t.Helper()
	logAgrees(t, n, want)
	viewsAgree(t, n, want)
	gatewayAgrees(t, n, want)
	verifies(t, n)
}

// agreesWithKills compares everything but the log's own sums, in which stock
// that was released again may stand.
func agreesWithKills(t *testing.T, n program, want figures) {
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

func (n program) begin(t *testing.T, stock int64) *running {
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

// progressLook is the time between two looks at how far an import is.
const progressLook = 2 * time.Millisecond

// reaches returns when the outside world has seen so many calls of an import, or
// when the import has ended; it says which. Nothing tells of a file that grows.
func (r *running) reaches(n program, calls int) bool {
	for ledgerLines(n) < calls {
		if r.ended(progressLook) {
			return false
		}
	}
	return true
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
