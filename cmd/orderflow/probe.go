package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"orderflow/cmd/orderflow/internal/client"
	"orderflow/cmd/orderflow/internal/terminal"
	"orderflow/domain"
)

// probeTimeout bounds a probe; probes are repeated soon.
const probeTimeout = 5 * time.Second

// probeCmd asks a process how it is, where there is no other program to ask with.
type probeCmd struct {
	Which   string `arg:"" optional:"" enum:"live,ready,started" default:"ready" help:"live, ready or started."`
	Private string `help:"The private listener of the process." default:"http://${private}" placeholder:"URL" env:"ORDERFLOW_PROBE"`
}

// Help is shown under the subcommand's own --help.
func (c *probeCmd) Help() string {
	return terminal.Usage("live: the process answers. started: what it follows was reached once. ready: it can do its work now. " +
		"An orchestrator restarts what is not live, and sends nothing to what is not ready.")
}

// Run asks once.
func (c *probeCmd) Run(ctx context.Context, s terminal.Streams) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	base := strings.TrimRight(c.Private, "/")
	if !strings.Contains(base, "://") {
		base = "http://" + base
	}
	ask, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/healthz/"+c.Which, nil)
	if err != nil {
		return domain.Wrap(domain.Invalid, err, "%q is not the address of a private listener", c.Private)
	}
	answer, err := http.DefaultClient.Do(ask)
	if err != nil {
		return domain.Wrap(domain.Unavailable, err, "There is no answer from %s", base)
	}
	defer answer.Body.Close()
	var said struct{ Status, Reason string }
	if err := json.NewDecoder(io.LimitReader(answer.Body, client.MaxProblemBytes)).Decode(&said); err != nil {
		return domain.Wrap(domain.Unavailable, err, "What answers at %s is no orderflow", base)
	}
	if answer.StatusCode != http.StatusOK {
		return domain.Errorf(domain.Unavailable, "It is not %s: %s", c.Which, said.Reason)
	}
	_, err = io.WriteString(s.Out, c.Which+"\n")
	return err
}
