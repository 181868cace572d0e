package remote_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/infra/simulator"
	"orderflow/infra/simulator/remote"
)

// victim is the environment variable that turns this test binary into a service until
// it is killed.
const victim = "SIMULATOR_REMOTE_TEST_VICTIM_DIR"

// The service is killed after the effect and before the reply, and started again: the
// same key has the same answer and one effect, at both names.
func TestKilledBetweenEffectAndReply(t *testing.T) {
	if dir := os.Getenv(victim); dir != "" {
		serveUntilKilled(t, dir)
		return
	}
	dir := t.TempDir()
	for _, name := range simulator.Names() {
		for round := range 3 {
			key := fmt.Sprint(name, round)
			url, said, kill := startVictim(t, dir)
			c := client(t, url)
			captured, cancelled := make(chan error, 1), make(chan error, 1)
			go func() { captured <- only(c.Gateway(name).Capture(t.Context(), charge(key, "tok_late_once", 70))) }()
			await(t, said, "capture "+key)
			go func() { cancelled <- c.Carrier(name).Cancel(t.Context(), key) }() // killed at any moment
			kill()
			want(t, <-captured, domain.Unknown, "connection_lost")
			if err := <-cancelled; err != nil && domain.KindOf(err) != domain.Unknown && domain.KindOf(err) != domain.Unavailable {
				t.Fatalf("the cancellation: %v", err)
			}

			url, _, kill = startVictim(t, dir)
			c = client(t, url)
			g := c.Gateway(name)
			found, err := g.Lookup(t.Context(), key)
			want(t, err, 0, "")
			again, err := g.Capture(t.Context(), charge(key, "tok_late_once", 70))
			want(t, err, 0, "")
			if again != found || again.Amount != domain.GBP(70) {
				t.Errorf("one charge, two answers: %+v, %+v", found, again)
			}
			want(t, only(g.Capture(t.Context(), charge(key, "tok_late_once", 71))), domain.Rejected, "idempotency_mismatch")
			want(t, c.Carrier(name).Cancel(t.Context(), key), 0, "")
			kill()
		}
	}
	sum, err := simulator.ReadLedger(filepath.Join(dir, simulator.LedgerFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range simulator.Names() {
		if got := sum.Providers[name].Captured["GBP"]; got != 3*70 {
			t.Errorf("%s captured %d", name, got)
		}
	}
	if len(sum.DoubleCharged()) != 0 {
		t.Errorf("charged twice: %v", sum.DoubleCharged())
	}
}

func serveUntilKilled(t *testing.T, dir string) {
	sim, err := simulator.Open(dir, simulator.Options{
		LateBy:   time.Hour,
		Recorded: func(r simulator.Row) { fmt.Printf("%s %s\n", r.Op, r.Key) },
	})
	if err != nil {
		t.Fatal(err)
	}
	socket, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("http://" + socket.Addr().String())
	if err := remote.Serve(context.Background(), socket, sim, secret, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
}

// startVictim starts a service on the ledger in dir. It returns what the service says
// after its address, and what kills it.
func startVictim(t *testing.T, dir string) (url string, said *bufio.Scanner, kill func()) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilledBetweenEffectAndReply$") //nolint:gosec // itself
	child.Env = append(os.Environ(), victim+"="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	kill = sync.OnceFunc(func() {
		if err := child.Process.Kill(); err != nil {
			t.Error(err)
		}
		_, _ = io.Copy(io.Discard, out)
		if err := child.Wait(); err == nil {
			t.Error("the service ended before it was killed")
		}
	})
	t.Cleanup(kill)
	said = bufio.NewScanner(out)
	return await(t, said, "http://"), said, kill
}

// await returns the next line that begins with a text.
func await(t *testing.T, lines *bufio.Scanner, begins string) string {
	t.Helper()
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), begins) {
			return lines.Text()
		}
	}
	t.Fatalf("the service ended without saying %q", begins)
	return ""
}

// Two services have no ledger in common.
func TestASecondServiceOnOneLedgerIsRefused(t *testing.T) {
	s := serve(t)
	if _, err := simulator.Open(s.dir, simulator.Options{}); domain.KindOf(err) != domain.Conflict || !strings.Contains(err.Error(), s.dir) {
		t.Errorf("got %v", err)
	}
}

// 64 processes, each with a client of its own, charge one order at once.
func TestManyClientsOneCapture(t *testing.T) {
	const clients, keys = 64, 10
	s := serve(t)
	var running sync.WaitGroup
	begin := make(chan struct{})
	for n := range clients {
		c := client(t, s.url)
		running.Go(func() {
			<-begin
			for key := range keys {
				receipt, err := c.Gateway(simulator.Names()[key%2]).Capture(t.Context(), charge(fmt.Sprint(key), "tok_visa", 70))
				if err != nil || receipt.Amount != domain.GBP(70) {
					t.Errorf("client %d: %+v, %v", n, receipt, err)
				}
			}
		})
	}
	close(begin)
	running.Wait()
	sum, err := s.Summary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if sum.Rows != clients*keys || sum.Captured["GBP"] != keys*70 || sum.Providers[simulator.Second].Captured["GBP"] != keys/2*70 || len(sum.DoubleCharged()) != 0 || len(sum.Orders) != 0 {
		t.Errorf("summary %+v", sum)
	}
	want(t, only(s.Gateway(simulator.Second).Capture(t.Context(), charge("0", "tok_visa", 70))), 0, "")
	if sum, err = s.Summary(t.Context()); err != nil || len(sum.DoubleCharged()) != 1 || sum.Captures["0"] != 2 {
		t.Errorf("an order that two gateways captured: %+v, %v", sum, err)
	}
}
