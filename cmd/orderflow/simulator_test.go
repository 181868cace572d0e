package main_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"orderflow/domain"
	"orderflow/infra/simulator"
	"orderflow/infra/simulator/remote"
	"orderflow/sagas/charging"
)

// simulatorTestSecret is of the processes of these tests.
const simulatorTestSecret = "0123456789abcdef0123456789abcdef"

// simulatorProcess is `orderflow simulator` in a process of its own.
type simulatorProcess struct {
	*remote.Client
	cmd *exec.Cmd
	out io.Reader
}

func startSimulator(t *testing.T, data string) *simulatorProcess {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "orderflow", "simulator", "--data", data, "--listen", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), "ORDERFLOW_SIMULATOR_SECRET="+simulatorTestSecret)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // if the test has not ended it
	lines := bufio.NewReader(out)
	url, err := lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	c, err := remote.NewClient(strings.TrimSpace(url), simulatorTestSecret)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return &simulatorProcess{Client: c, cmd: cmd, out: lines}
}

// end ends the process with a signal.
func (p *simulatorProcess) end(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, p.out)
	if err := p.cmd.Wait(); err != nil && s == syscall.SIGTERM {
		t.Fatalf("the simulator ends with %v", err)
	}
}

// TestSimulatorKeepsOneLedger stops the service after an effect whose reply is lost, by
// SIGKILL and SIGTERM, and starts it again on its data: the same key has the same
// answer, and the ledger one capture.
func TestSimulatorKeepsOneLedger(t *testing.T) {
	data := t.TempDir()
	keys := 0
	for _, s := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		for _, name := range simulator.Names() {
			c := charging.Charge{Order: domain.OrderID(fmt.Sprint("ord_", keys)), Key: fmt.Sprint("charge-", keys), Amount: domain.GBP(70), Token: "tok_lose_reply_once"}
			keys++
			p := startSimulator(t, data)
			if r, err := p.Gateway(name).Capture(t.Context(), c); domain.KindOf(err) != domain.Unknown {
				t.Fatalf("a lost reply: %+v, %v", r, err)
			}
			p.end(t, s)

			p = startSimulator(t, data)
			found, err := p.Gateway(name).Lookup(t.Context(), c.Key)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := p.Gateway(name).Capture(t.Context(), c); err != nil || again != found {
				t.Errorf("one charge, two answers: %+v, %+v, %v", found, again, err)
			}
			p.end(t, syscall.SIGTERM)
		}
	}
	out, err := exec.CommandContext(t.Context(), "orderflow", "simulator", "ledger", "--data", data, "--json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var sum struct {
		Captured      map[string]int64
		Captures      int
		DoubleCharged []string `json:"double_charged"`
	}
	if err := json.Unmarshal(out, &sum); err != nil || sum.Captures != keys || sum.Captured["GBP"] != int64(keys)*70 || len(sum.DoubleCharged) != 0 {
		t.Errorf("%s, %v", out, err)
	}
}

// TestSimulatorEndsWhileCallsHang: SIGTERM does not wait for calls that hang.
func TestSimulatorEndsWhileCallsHang(t *testing.T) {
	p := startSimulator(t, t.TempDir())
	if err := p.Outage(t.Context(), simulator.Shipping, simulator.Second, simulator.Hang); err != nil {
		t.Fatal(err)
	}
	hung := make(chan error, 1)
	go func() { hung <- p.Carrier(simulator.Second).Cancel(context.WithoutCancel(t.Context()), "a") }()
	for rows := int64(0); rows == 0; { // until the call is in the ledger
		sum, err := p.Summary(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		rows = sum.Rows
	}
	p.end(t, syscall.SIGTERM)
	if err := <-hung; domain.KindOf(err) != domain.Unknown {
		t.Errorf("the call that hung: %v", err)
	}
}
