package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strings"

	"orderflow/cmd/orderflow/internal/node"
	"orderflow/cmd/orderflow/internal/terminal"
	"orderflow/domain"
	"orderflow/infra/simulator"
	"orderflow/infra/simulator/remote"
)

// defaultSimulatorListen is where the simulator listens unless it is told otherwise.
const defaultSimulatorListen = "127.0.0.1:2115"

// simulatorCommands are the service, which needs no word of its own, and what is done
// beside it.
type simulatorCommands struct {
	Service simulatorCmd       `cmd:"" default:"withargs" help:"Run the simulator; the word service may be left out."`
	Outage  simulatorOutageCmd `cmd:"" help:"Make a provider of a running simulator fail, or work again."`
	Ledger  simulatorLedgerCmd `cmd:"" help:"Add up the ledger of a simulator, running or not."`
}

// Help is shown under the subcommand's own --help.
func (simulatorCommands) Help() string {
	return terminal.Usage("`orderflow simulator --data DIR …` runs the simulator; `orderflow simulator service --help` shows its flags.")
}

// simulatorSecret is what a simulator and its callers authenticate with.
type simulatorSecret struct {
	Secret string `help:"The secret that the simulator and its callers share, at least ${secret} bytes. Better set the variable." placeholder:"SECRET" env:"ORDERFLOW_SIMULATOR_SECRET"`
}

// simulatorCmd serves payment gateways and carriers to other processes.
type simulatorCmd struct {
	Data   string `help:"Where the ledger is kept (default ${data})." default:"${data}" type:"path" placeholder:"DIR" env:"ORDERFLOW_DATA"`
	Listen string `help:"Where processes connect; port 0 takes a free one." default:"${simulator}" env:"ORDERFLOW_SIMULATOR_LISTEN"`
	simulatorSecret
	Tell string `help:"Write the address and the ledger's path, as JSON, to this file once requests are taken, for scripts that let the system choose the port." type:"path" placeholder:"FILE"`
	JSON bool   `help:"Print the address as JSON for programs."`
}

// Help is shown under the subcommand's own --help.
func (c *simulatorCmd) Help() string {
	return terminal.Usage("The simulator is two payment gateways and two carriers with one ledger, for all processes of a fleet: " +
		"a fleet whose processes had a simulator each could not see that two of them charged one order. " +
		"The ledger is DIR/simulator/ledger.jsonl, as in the data directory of a node; one process may have it open.\n\n" +
		"Once it takes requests it prints its address. SIGINT or SIGTERM answers the calls under way, closes the ledger and ends.")
}

type simulatorView struct {
	Simulator string `json:"simulator"`
	Ledger    string `json:"ledger"`
}

// Run serves until it is told to end.
func (c *simulatorCmd) Run(ctx context.Context, s terminal.Streams, logger *slog.Logger) error {
	if err := remote.CheckSecret(c.Secret); err != nil {
		return err
	}
	conf := node.Config{Data: c.Data}
	if err := conf.Check(); err != nil {
		return err
	}
	sim, err := simulator.Open(conf.SimulatorDir(), simulator.Options{})
	if err != nil {
		return err
	}
	if cut := sim.CutBytes(); cut > 0 {
		logger.WarnContext(ctx, "the ledger ended in an unfinished row, as after a crash; it was cut off, and its call was not answered", "bytes", cut)
	}
	socket, err := new(net.ListenConfig).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return errors.Join(domain.Wrap(domain.Unavailable, &node.PortError{Err: err}, "Cannot listen on %s; choose another address with --listen, where port 0 takes a free one", c.Listen), sim.Close())
	}
	view := simulatorView{Simulator: "http://" + socket.Addr().String(), Ledger: filepath.Join(conf.SimulatorDir(), simulator.LedgerFile)}
	if err := c.show(s, view); err != nil {
		return errors.Join(err, socket.Close(), sim.Close())
	}
	return remote.Serve(ctx, socket, sim, c.Secret, logger)
}

func (c *simulatorCmd) show(s terminal.Streams, view simulatorView) error {
	if err := writeJSONFile(c.Tell, view); err != nil {
		return err
	}
	if c.JSON {
		return terminal.PrintJSON(s.Out, view)
	}
	_, err := fmt.Fprintln(s.Out, view.Simulator)
	return err
}

// simulatorOutageCmd makes a provider fail.
type simulatorOutageCmd struct {
	Simulator string `help:"The address of the simulator." default:"http://${simulator}" placeholder:"URL" env:"ORDERFLOW_SIMULATOR"`
	simulatorSecret
	Provider  string `arg:"" help:"payment or shipping."`
	Name      string `arg:"" help:"The name of the gateway or carrier: ${simulators}."`
	Behaviour string `arg:"" help:"How it treats every call: ${behaviours}; work ends the outage."`
}

func behaviourNames() string {
	var names []string
	for _, b := range simulator.Behaviours() {
		names = append(names, string(b))
	}
	return strings.Join(names, ", ")
}

// Run sets the outage.
func (c *simulatorOutageCmd) Run(ctx context.Context, s terminal.Streams) error {
	client, err := remote.NewClient(c.Simulator, c.Secret)
	if err != nil {
		return err
	}
	defer client.Close()
	if err := client.Outage(ctx, simulator.Provider(c.Provider), c.Name, simulator.Behaviour(c.Behaviour)); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.Out, "The %s provider %s treats every call as: %s.\n", c.Provider, c.Name, c.Behaviour)
	return err
}
