package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"

	"golang.org/x/sync/errgroup"

	"orderflow/cmd/orderflow/internal/node"
	"orderflow/cmd/orderflow/internal/terminal"
	"orderflow/domain"
	"orderflow/infra/esdbserver"
	"orderflow/infra/httpapi"
	"orderflow/infra/pebblelog"
	"orderflow/infra/telemetry"
)

// eventstoreCmd runs an EventStoreDB node on the log of a data directory.
type eventstoreCmd struct {
	Data      string `help:"Where everything is kept; the log of a node that served before is taken (default ${data})." default:"${data}" type:"path" placeholder:"DIR" env:"ORDERFLOW_DATA"`
	Listen    string `help:"Where clients connect; port 0 takes a free one." default:"${eventstore}" env:"ORDERFLOW_EVENTSTORE_LISTEN"`
	TLSCert   string `name:"tls-cert" help:"The certificate that the node shows, in PEM." type:"path" placeholder:"FILE" env:"ORDERFLOW_EVENTSTORE_TLS_CERT"`
	TLSKey    string `name:"tls-key" help:"The key of the certificate, in PEM." type:"path" placeholder:"FILE" env:"ORDERFLOW_EVENTSTORE_TLS_KEY"`
	Insecure  bool   `help:"Serve without TLS and let everybody do everything, on this machine only."`
	Advertise string `help:"The address that clients are told when they discover the node (default: where it listens)." placeholder:"HOST:PORT"`
	MaxAppend int    `name:"max-append-size" help:"How many bytes of data one append may have; with metadata and types it is at most ${maxAppend}." default:"1048576" placeholder:"BYTES" env:"ORDERFLOW_EVENTSTORE_MAX_APPEND_SIZE"`
	Private   string `help:"Where metrics and profiles listen, on this machine only; none if empty." env:"ORDERFLOW_EVENTSTORE_PRIVATE"`
	Password  string `help:"The password that the users admin and ops are made with at the first start; if empty, changeit." default:"changeit" env:"ORDERFLOW_EVENTSTORE_PASSWORD"`
	Tell      string `help:"Write the connection string, the data directory and where metrics are, as JSON, to this file once requests are taken, for scripts that let the system choose the port." type:"path" placeholder:"FILE"`
	JSON      bool   `help:"Print the connection string as JSON for programs."`
}

// Help is shown under the subcommand's own --help.
func (c *eventstoreCmd) Help() string {
	return terminal.Usage("Any client of EventStoreDB 20.6 or later can use the node; it has no projections. " +
		"The first start makes the users admin and ops with the password changeit, as clients expect it in tests; give another one where others can connect. " +
		"`orderflow eventstore user` makes more; programs should have a user of no group.\n\n" +
		"Once it takes requests it prints how to connect. The log is that of `orderflow serve --data DIR`; one process may have it open.")
}

type eventstoreView struct {
	Connection string `json:"connection"`
	Data       string `json:"data"`
	Private    string `json:"private,omitempty"`
}

// Run serves until it is told to end.
func (c *eventstoreCmd) Run(ctx context.Context, s terminal.Streams, logger *slog.Logger) (err error) {
	options, err := c.options(logger)
	if err != nil {
		return err
	}
	conf := node.Config{Data: c.Data}
	if err := conf.Check(); err != nil {
		return err
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return domain.Wrap(domain.Invalid, err, "The data directory cannot be made; choose another with --data")
	}
	log, err := node.OpenLogWith(conf, pebblelog.Options{Logger: logger, IndexIDs: true, LongNames: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	options.Log = log
	private, err := c.listenPrivate(ctx, log, &options, logger)
	if err != nil {
		return err
	}
	if private != nil {
		defer func() { err = errors.Join(err, private.Close()) }()
	}
	var lc net.ListenConfig
	socket, err := lc.Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return domain.Wrap(domain.Unavailable, &node.PortError{Err: err}, "Cannot listen on %s; choose another address with --listen, where port 0 takes a free one", c.Listen)
	}
	server, err := esdbserver.New(ctx, options)
	if err != nil {
		return errors.Join(err, socket.Close())
	}
	if err := c.show(s, socket.Addr().String(), private); err != nil {
		return errors.Join(err, socket.Close(), server.Close())
	}
	ctx, ended := context.WithCancel(ctx)
	defer ended()
	group, failed := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer ended() // a client may end the node
		return server.Serve(socket)
	})
	if private != nil {
		group.Go(private.Serve)
	}
	group.Go(func() error {
		<-failed.Done()
		err := server.Close()
		private.Drain(ctx)
		return err
	})
	return group.Wait()
}

// listenPrivate makes metrics and serves them, if it is told where.
func (c *eventstoreCmd) listenPrivate(ctx context.Context, log *pebblelog.Log, o *esdbserver.Options, logger *slog.Logger) (*node.Listener, error) {
	if c.Private == "" {
		return nil, nil
	}
	metrics := telemetry.New(telemetry.Sources{Log: func() telemetry.LogFigures {
		s := log.Stats(context.WithoutCancel(ctx))
		return telemetry.LogFigures{End: int64(s.End), Queued: s.Queued, DiskBytes: s.DiskBytes}
	}})
	served := telemetry.NewNode(metrics)
	o.Hooks = esdbserver.Hooks{Called: served.Called, Appended: served.Appended, Subscribed: served.Subscribed, Scavenging: served.Scavenging, Removed: served.Removed, Scavenged: served.Scavenged}
	return node.ListenOn(ctx, c.Private, metrics.Handler(), logger, "--private")
}

// options refuses what would serve passwords or data to anybody who listens.
func (c *eventstoreCmd) options(logger *slog.Logger) (o esdbserver.Options, err error) {
	o = esdbserver.Options{Insecure: c.Insecure, Advertise: c.Advertise, FirstPassword: c.Password, MaxAppendBytes: c.MaxAppend, Logger: logger}
	if c.MaxAppend < 1 || c.MaxAppend > esdbserver.MaxAppendTotalBytes {
		return o, domain.Errorf(domain.Invalid, "An append cannot have %d bytes; say --max-append-size with 1 to %d.", c.MaxAppend, esdbserver.MaxAppendTotalBytes)
	}
	if err := checkAdvertise(c.Advertise); err != nil {
		return o, err
	}
	if c.Private != "" {
		if err := httpapi.CheckLoopback(c.Private); err != nil {
			return o, err
		}
	}
	switch {
	case c.Insecure && (c.TLSCert != "" || c.TLSKey != ""):
		return o, domain.Errorf(domain.Invalid, "Say either --insecure or --tls-cert and --tls-key, not both.")
	case c.Insecure:
		return o, httpapi.CheckLoopback(c.Listen)
	case c.TLSCert == "" || c.TLSKey == "":
		return o, domain.Errorf(domain.Invalid,
			"An event store needs a certificate: name one with --tls-cert FILE --tls-key FILE, or serve this machine alone, without passwords, with --insecure.")
	}
	certificate, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
	if err != nil {
		return o, domain.Wrap(domain.Invalid, err, "The certificate cannot be used; name another with --tls-cert FILE --tls-key FILE")
	}
	o.Certificate = &certificate
	return o, nil
}

// checkAdvertise refuses what no client could connect to; empty is where the node listens.
func checkAdvertise(address string) error {
	if address == "" {
		return nil
	}
	host, port, err := net.SplitHostPort(address)
	if n, e := strconv.ParseUint(port, 10, 16); err != nil || e != nil || host == "" || n == 0 {
		return domain.Errorf(domain.Invalid, "%q is not an address that clients can be told; say --advertise HOST:PORT, such as db.example.com:2113.", address)
	}
	return nil
}

// show says how to connect.
func (c *eventstoreCmd) show(s terminal.Streams, address string, private *node.Listener) error {
	view := eventstoreView{Connection: "esdb://" + address, Data: c.Data, Private: private.URL()}
	if c.Insecure {
		view.Connection += "?tls=false"
		fmt.Fprintln(s.Err, "The event store is insecure: whoever is on this machine may do everything.")
	}
	if err := writeJSONFile(c.Tell, view); err != nil {
		return err
	}
	if c.JSON {
		return terminal.PrintJSON(s.Out, view)
	}
	_, err := fmt.Fprintln(s.Out, view.Connection)
	return err
}
