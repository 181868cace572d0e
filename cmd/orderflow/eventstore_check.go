package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"google.golang.org/grpc"

	"orderflow/cmd/orderflow/internal/audit"
	"orderflow/cmd/orderflow/internal/node"
	"orderflow/cmd/orderflow/internal/terminal"
	"orderflow/domain"
	"orderflow/infra/esdbserver/fitness"
	"orderflow/infra/esdbserver/servers"
	"orderflow/infra/esdbserver/strict"
	"orderflow/infra/eventstoredb"
)

const (
	// checkTime bounds a check: a server that takes longer for it is in trouble.
	checkTime = 2 * time.Minute
	// truncatedTime bounds the search for truncated streams in it: with many
	// events the server has to look through all of them.
	truncatedTime = 30 * time.Second
	// checkCategory is the category of the streams that a check writes.
	checkCategory = "orderflowcheck"
)

// eventstoreCheckCmd finds out whether a server fits.
type eventstoreCheckCmd struct {
	Connection string `arg:"" optional:"" help:"The server, with the user that orderflow is to have. The string holds a password: better set the variable." placeholder:"esdb://…" env:"ORDERFLOW_EVENTSTORE"`
	All        bool   `help:"Put also the questions that a real server was seen to die of, or that leave something behind. Never in production."`
	Ours       bool   `help:"List also the answers in which a node of orderflow is better for clients than EventStoreDB, with the reasons. --all does so too."`
	JSON       bool   `help:"Print JSON for programs."`
}

// Help is shown under the subcommand's own --help.
func (c *eventstoreCheckCmd) Help() string {
	return terminal.Usage(fmt.Sprintf("It tries what orderflow needs (version, leader, rights, the largest append, clock, streams that hide events), and then puts the questions "+
		"on which servers were seen to differ, each for up to %v, in all for up to %v. It writes only to streams, groups and users whose names begin with %s- and chance, "+
		"and deletes them again; with --all it also adds a user to the metadata of $all for a moment.\n\n"+
		"It ends with 0 if the server fits, with 1 if it does not or if that cannot be found out, with 2 if the connection string does not fit the server (TLS, certificate, another kind of server), with 5 if it cannot be reached or has no leader.", fitness.CallTimeout, checkTime, checkCategory))
}

// Run checks the server and prints what it found.
func (c *eventstoreCheckCmd) Run(ctx context.Context, s terminal.Streams, logger *slog.Logger) error {
	if c.Connection == "" {
		return domain.Errorf(domain.Invalid, "Say which event store: orderflow eventstore check esdb://USER:PASSWORD@HOST:2113, or set ORDERFLOW_EVENTSTORE.")
	}
	log, err := eventstoredb.Open(c.Connection, eventstoredb.Options{Logger: logger})
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // it was only read
	named, err := servers.Parse(c.Connection)
	if err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	k := checkRun{named: named, log: log, name: strict.NewName(checkCategory), harmful: c.All, progress: s.Err}
	v, err := k.run(bounded)
	if ctx.Err() != nil { // interrupted
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	if c.JSON {
		err = terminal.PrintJSON(s.Out, v)
	} else {
		err = v.print(s.Out, c.All || c.Ours)
	}
	return audit.FirstErr(err, v.verdict())
}

// checkRun is one check.
type checkRun struct {
	named    *servers.Servers
	log      *eventstoredb.Log
	name     string // what all begins with that it writes
	harmful  bool
	progress io.Writer
}

func (k *checkRun) run(ctx context.Context) (v checkView, err error) {
	conn, address, err := k.connect(ctx, &v)
	if err != nil {
		return v, err
	}
	defer func() { _ = conn.Close() }() // it was only asked
	fmt.Fprintf(k.progress, "Checking the event store at %s. All that is written there is in streams, groups and users whose names begin with %s or $%s, and is deleted again. It takes up to %v.\n", address, k.name, k.name, checkTime)
	v.Server, v.Name = address, k.name
	v.Findings = append(v.Findings, k.server(conn).Look(ctx)...)
	v.Findings = append(v.Findings, k.truncated(ctx))
	asking := strict.Asking{Conn: conn, Name: k.name, Timeout: fitness.CallTimeout, Harmful: k.harmful}
	if !k.named.Insecure() {
		asking.As = func(login, password string) (strict.Conn, error) { return k.named.DialAs(address, login, password) }
	}
	for r := range asking.Questions(ctx) {
		v.add(r)
	}
	v.conclude(ctx)
	return v, nil
}

func (k *checkRun) server(conn grpc.ClientConnInterface) fitness.Server {
	return fitness.Server{Conn: conn, Login: k.named.Login, Stream: k.name + "-fitness", Categories: audit.Categories()}
}

// connect returns a connection to the leader, which one of the servers names.
func (k *checkRun) connect(ctx context.Context, v *checkView) (*grpc.ClientConn, string, error) {
	var failures []error
	for _, address := range k.named.Addresses {
		conn, err := k.named.Dial(address)
		if err != nil {
			return nil, "", err
		}
		version, found, err := fitness.Version(ctx, conn)
		if err != nil {
			_ = conn.Close() // it never came about
			failures = append(failures, fmt.Errorf("%s: %w", address, node.TroubledAt(ctx, k.named, err, address)))
			continue
		}
		leader, leads, err := k.server(conn).Leader(ctx, address)
		if err != nil {
			_ = conn.Close() // it was only asked
			if found.State == fitness.Lacks {
				err = domain.Wrap(domain.KindOf(err), err, "%s", found.Text)
			}
			failures = append(failures, err)
			continue
		}
		v.Version, v.Findings = version, []fitness.Finding{found, leads}
		if leader == address {
			return conn, address, nil
		}
		_ = conn.Close() // the leader is asked
		return k.toLeader(ctx, v, leader)
	}
	return nil, "", domain.Wrap(failed(failures), errors.Join(failures...), "The event store at %s cannot be checked", k.named.Name())
}

// failed is the kind of failures of several servers: if one may answer later,
// it is worth another try.
func failed(failures []error) domain.Kind {
	for _, err := range failures {
		if kind := domain.KindOf(err); kind == domain.Unavailable {
			return kind
		}
	}
	return domain.KindOf(errors.Join(failures...))
}

// toLeader connects to the leader that another server named.
func (k *checkRun) toLeader(ctx context.Context, v *checkView, leader string) (*grpc.ClientConn, string, error) {
	conn, err := k.named.Dial(leader)
	if err != nil {
		return nil, "", err
	}
	version, found, err := fitness.Version(ctx, conn)
	if err != nil {
		return nil, "", domain.Wrap(domain.Unavailable, errors.Join(err, conn.Close()),
			"%s is not the leader, and the leader cannot be reached at %s, the address that it advertises", k.named.Name(), leader)
	}
	v.Version, v.Findings[0] = version, found
	return conn, leader, nil
}

// truncated looks for streams of ours that hide events, with the adapter, so
// that it also says whether the adapter can use the connection string.
func (k *checkRun) truncated(ctx context.Context) fitness.Finding {
	const subject = "streams"
	limited, cancel := context.WithTimeout(ctx, truncatedTime)
	defer cancel()
	list, total, err := k.log.TruncatedStreams(limited, audit.Categories()...)
	switch {
	case limited.Err() != nil:
		return fitness.Finding{Subject: subject, State: fitness.Warns, Text: fmt.Sprintf("Whether streams of orderflow hide events was not found out within %v; `orderflow audit replay` finds it out.", truncatedTime)}
	case err != nil:
		return fitness.Finding{Subject: subject, State: fitness.Unknown, Text: fmt.Sprintf("Whether streams of orderflow hide events is not known: %v", err)}
	case total == 0:
		return fitness.Finding{Subject: subject, State: fitness.Fits, Text: "No stream of orderflow has $maxCount, $maxAge or $tb, and none is deleted."}
	}
	var names []string
	for _, s := range list[:min(len(list), node.LimitsTold)] {
		names = append(names, fmt.Sprintf("%s (%s)", s.Stream, s.How))
	}
	return fitness.Finding{Subject: subject, State: fitness.Lacks, Text: fmt.Sprintf(
		"%d streams of orderflow hide events, or will, and nothing is decided about a stream that lacks events: %s. Take $maxCount, $maxAge and $tb out of their metadata, and restore deleted ones. "+
			"`orderflow log copy` from this server takes them whole and without these limits until a scavenge removes events, and refuses afterwards; to this server it is refused.", total, strings.Join(names, ", "))}
}
