package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"orderflow/cmd/orderflow/internal/bench"
	"orderflow/cmd/orderflow/internal/client"
	"orderflow/cmd/orderflow/internal/demo"
	"orderflow/cmd/orderflow/internal/node"
	"orderflow/cmd/orderflow/internal/target"
	"orderflow/cmd/orderflow/internal/terminal"
	"orderflow/infra/esdbserver"
	"orderflow/infra/httpapi"
	"orderflow/infra/peers"
	"orderflow/infra/simulator"
)

// cli is the grammar of the command line: one field per subcommand, each in
// the file of its name.
type cli struct {
	LogLevel  string `help:"What to log on stderr: debug, info, warn or error." enum:"debug,info,warn,error" default:"info" env:"ORDERFLOW_LOG_LEVEL"`
	LogFormat string `help:"How to log: text for people, json for machines, auto by whether stderr is a terminal." enum:"auto,text,json" default:"auto" env:"ORDERFLOW_LOG_FORMAT"`

	Serve       serveCmd           `cmd:"" help:"Run the order system on embedded stores."`
	Eventstore  eventstoreCommands `cmd:"" help:"Run an EventStoreDB node on an embedded log, and look after its users."`
	Simulator   simulatorCommands  `cmd:"" help:"Run payment gateways and carriers that can fail, for the processes of a fleet, and add up their ledger."`
	Demo        demo.Command       `cmd:"" help:"Start everything, place realistic orders and show what happens to them."`
	Import      importCmd          `cmd:"" help:"Import orders that were placed elsewhere."`
	Order       orderCmd           `cmd:"" help:"Place, follow, cancel and return orders."`
	Stock       stockCmd           `cmd:"" help:"Receive and list stock."`
	Product     productCmd         `cmd:"" help:"List, reprice and delist products."`
	Audit       auditCmd           `cmd:"" help:"Replay the log, or show everything that happened to one order."`
	Log         logCmd             `cmd:"" help:"Verify the log, back it up, copy it elsewhere, and accept what it lost."`
	Projections projectionsCmd     `cmd:"" help:"List, rebuild and verify the views."`
	Poison      poisonCmd          `cmd:"" help:"Show and replay messages that could not be read or handled."`
	Probe       probeCmd           `cmd:"" help:"Ask a process whether it is live, ready or started."`
	Token       tokenCmd           `cmd:"" help:"Give out a token of the development issuer."`
	Bench       bench.Command      `cmd:"" help:"Measure this machine against the budgets."`
	Version     versionCmd         `cmd:"" help:"Say which build this is."`
}

// run parses args, runs one subcommand and returns the exit code. The first
// SIGINT or SIGTERM ends the command in good order, the second one at once.
func run(args []string, stdout, stderr io.Writer) int {
	var c cli
	parser, err := newParser(&c, stdout, stderr)
	if err != nil {
		terminal.Complain(stderr, err)
		return terminal.ExitFailed
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	kctx, err := parser.Parse(args)
	if err != nil {
		terminal.Complain(stderr, err)
		if parseErr, ok := errors.AsType[*kong.ParseError](err); ok {
			_ = parseErr.Context.PrintUsage(true)
		}
		return terminal.ExitUsage
	}
	if err := checkEnvironment(parser.Model, os.Environ()); err != nil {
		terminal.Complain(stderr, err)
		return terminal.ExitCode(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the second signal finds no handler and kills
	s := terminal.Streams{Out: stdout, Err: stderr}
	kctx.BindTo(ctx, (*context.Context)(nil))
	if err := kctx.Run(s, newLogger(c.LogLevel, c.LogFormat, stderr)); err != nil {
		terminal.Complain(stderr, err)
		return terminal.ExitCode(err)
	}
	return terminal.ExitOK
}

// newParser reads command lines into c.
func newParser(c *cli, stdout, stderr io.Writer) (*kong.Kong, error) {
	return kong.New(c, kong.Name("orderflow"),
		kong.Description("An event-sourced order system in one binary.\n\n"+target.WhomHelp+"\n\n"+terminal.ExitHelp),
		kong.Writers(stdout, stderr), kong.ConfigureHelp(kong.HelpOptions{Compact: true}), kong.ShortUsageOnError(),
		kong.Vars{
			"data": node.DefaultDataDir(os.Getenv), "server": target.DefaultServerURL(os.Getenv), "listen": node.DefaultListen, "private": node.DefaultPrivate,
			"roles": node.RoleNames(), "gateways": node.GatewayNames(), "carriers": node.CarrierNames(),
			"gateway": simulator.Default, "carrier": simulator.Default, "secret": strconv.Itoa(peers.MinSecretBytes),
			"simulator": defaultSimulatorListen, "simulators": strings.Join(simulator.Names(), " or "), "behaviours": behaviourNames(),
			"eventstore": node.DefaultEventstore, "storebench": strings.Join(bench.StoreNames(), ", "), "maxAppend": strconv.Itoa(esdbserver.MaxAppendTotalBytes), "user_password": userPassword, "scale": strconv.Itoa(bench.DefaultScale), "rows": strconv.Itoa(client.MaxRows), "wait": strconv.Itoa(int(httpapi.MaxWait.Seconds())),
		})
}
