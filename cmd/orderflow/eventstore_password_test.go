package main_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"orderflow/cmd/orderflow/internal/terminal"
)

// changesPassword is how an administrator gives the user of the product another
// password than the one that it was started with.
const changesPassword = "echo other | env -u ORDERFLOW_EVENTSTORE_USER_PASSWORD orderflow eventstore user passwd orderflow"

// TestServeWhilePasswordChanges gives the user of a server that takes orders
// another password, and the old one again: meanwhile the server is not ready,
// takes no orders, and says why and what to do; it goes on by itself, and all
// orders that it acknowledged are settled and were charged once. With the wrong
// password it does not start.
func TestServeWhilePasswordChanges(t *testing.T) {
	path, err := exec.LookPath("orderflow") // this test, as testscript has it
	if err != nil {
		t.Fatal(err)
	}
	s := startSecured(t, program{path: path})
	s.mends(t, "orderflow eventstore user add orderflow --reads-all")
	n := s.on(t, s.as("orderflow", userPassword))
	served := startServing(t, n)
	defer http.DefaultClient.CloseIdleConnections()
	served.furnish(t)
	load := served.load(t)
	s.mends(t, changesPassword)
	private, _ := served.private.Load().(string)
	awaits(t, "the server is not ready any more", func() bool { return !ready(private) })
	if says := saidReady(t, private); !strings.Contains(says, cannotLogIn) || !strings.Contains(says, "orderflow eventstore user passwd orderflow") {
		t.Errorf("the probe says %s", says)
	}
	body := `{"customer":"eve","payment_token":"tok_visa","lines":[{"sku":"TEA-1","quantity":2}]}`
	if status, answer := served.post(t.Context(), "/v1/orders", "meanwhile", body); status != http.StatusServiceUnavailable {
		t.Errorf("an order is answered with %d: %s", status, answer)
	}
	out, err := exec.CommandContext(t.Context(), path, "serve", "--listen", "127.0.0.1:0", "--private", "127.0.0.1:0", "--data", t.TempDir(), "--eventstore", s.as("orderflow", userPassword)).CombinedOutput()
	if exitCode(err) != terminal.ExitUnavailable || !strings.Contains(string(out), cannotLogIn) || !strings.Contains(string(out), "orderflow eventstore user passwd orderflow") || strings.Contains(string(out), userPassword) {
		t.Errorf("a server that starts meanwhile ends with %v:\n%s", err, out)
	}
	s.mends(t, "orderflow eventstore user passwd orderflow")
	awaits(t, "the server is ready again", func() bool { return ready(private) })
	var placed struct {
		Order string `json:"order_id"`
	}
	if status, answer := served.post(t.Context(), "/v1/orders", "meanwhile", body); status/100 != 2 || json.Unmarshal(answer, &placed) != nil {
		t.Errorf("the order is answered afterwards with %d: %s", status, answer)
	}
	acknowledged := load()
	acknowledged[placed.Order] = true
	served.settles(t)
	served.terminate(t)
	served.chargedOnce(t, acknowledged)
	if said := served.said.String(); !strings.Contains(said, "refuses the user or password of the connection string") || strings.Contains(said, userPassword) {
		t.Errorf("the server's log says:\n%s", said)
	}
	t.Logf("%d orders acknowledged", len(acknowledged))
}

// saidReady returns what the probe of readiness says.
func saidReady(t *testing.T, private string) string {
	t.Helper()
	answer, err := http.Get(private + "/healthz/ready") //nolint:noctx // on this machine
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// exitCode returns with which code a command ended; -1 if a signal ended it.
func exitCode(err error) int {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	return 0
}

// awaits looks again and again until something holds, which nothing tells of.
func awaits(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for begun := time.Now(); !holds(); time.Sleep(progressLook) { // a probe cannot be waited for
		if time.Since(begun) > settleWithin {
			t.Fatalf("%v have passed, and not yet: %s", settleWithin, what)
		}
	}
}
