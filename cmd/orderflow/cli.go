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

	"orderflow/infra/esdbserver"
	"orderflow/infra/httpapi"
	"orderflow/infra/peers"
)

// cli is the grammar of the command line: one field per subcommand, each in
// the file of its name.
type cli struct {
	LogLevel  string `help:"What to log on stderr: debug, info, warn or error." enum:"debug,info,warn,error" default:"info" env:"ORDERFLOW_LOG_LEVEL"`
	LogFormat string `help:"How to log: text for people, json for machines, auto by whether stderr is a terminal." enum:"auto,text,json" default:"auto" env:"ORDERFLOW_LOG_FORMAT"`

	Serve       serveCmd           `cmd:"" help:"Run the order system on embedded stores."`
	Eventstore  eventstoreCommands `cmd:"" help:"Run an EventStoreDB node on an embedded log, and look after its users."`
	Demo        demoCmd            `cmd:"" help:"Start everything, place realistic orders and show what happens to them."`
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
	Bench       benchCmd           `cmd:"" help:"Measure this machine against the budgets."`
	Version     versionCmd         `cmd:"" help:"Say which build this is."`
}

// streams is where a command writes.
type streams struct {
	out io.Writer // results, for people or programs
	err io.Writer // progress, logs and complaints
}

// run parses args, runs one subcommand and returns the exit code. The first
// SIGINT or SIGTERM ends the command in good order, the second one at once.
func run(args []string, stdout, stderr io.Writer) int {
	var c cli
	parser, err := newParser(&c, stdout, stderr)
	if err != nil {
		complain(stderr, err)
		return exitFailed
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	kctx, err := parser.Parse(args)
	if err != nil {
		complain(stderr, err)
		if parseErr, ok := errors.AsType[*kong.ParseError](err); ok {
			_ = parseErr.Context.PrintUsage(true)
		}
		return exitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the second signal finds no handler and kills
	s := streams{out: stdout, err: stderr}
	kctx.BindTo(ctx, (*context.Context)(nil))
	if err := kctx.Run(s, newLogger(c.LogLevel, c.LogFormat, stderr)); err != nil {
		complain(stderr, err)
		return exitCode(err)
	}
	return exitOK
}

// newParser reads command lines into c.
func newParser(c *cli, stdout, stderr io.Writer) (*kong.Kong, error) {
	return kong.New(c, kong.Name("orderflow"),
		kong.Description("An event-sourced order system in one binary.\n\n"+whomHelp+"\n\n"+exitHelp),
		kong.Writers(stdout, stderr), kong.ConfigureHelp(kong.HelpOptions{Compact: true}), kong.ShortUsageOnError(),
		kong.Vars{
			"data": defaultDataDir(os.Getenv), "server": defaultServerURL(os.Getenv), "listen": defaultListen, "private": defaultPrivate,
			"roles": roleNames(), "secret": strconv.Itoa(peers.MinSecretBytes),
			"eventstore": defaultEventstore, "storebench": strings.Join(storeNames(), ", "), "maxAppend": strconv.Itoa(esdbserver.MaxAppendTotalBytes), "user_password": userPassword, "scale": strconv.Itoa(defaultScale), "rows": strconv.Itoa(maxRows), "wait": strconv.Itoa(int(httpapi.MaxWait.Seconds())),
		})
}

// usage makes help for subcommands end with what a person wants to know next.
func usage(text string) string {
	return text + "\n\n" + exitHelp
}
