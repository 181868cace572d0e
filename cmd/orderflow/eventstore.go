package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"

	"golang.org/x/sync/errgroup"

	"orderflow/domain"
	"orderflow/infra/esdbserver"
	"orderflow/infra/httpapi"
	"orderflow/infra/pebblelog"
)

// eventstoreCmd runs an EventStoreDB node on the log of a data directory.
type eventstoreCmd struct {
	Data      string `help:"Where everything is kept; the log of a node that served before is taken." default:"${data}" type:"path" placeholder:"DIR" env:"ORDERFLOW_DATA"`
	Listen    string `help:"Where clients connect; port 0 takes a free one." default:"${eventstore}" env:"ORDERFLOW_EVENTSTORE_LISTEN"`
	TLSCert   string `name:"tls-cert" help:"The certificate that the node shows, in PEM." type:"path" placeholder:"FILE" env:"ORDERFLOW_EVENTSTORE_TLS_CERT"`
	TLSKey    string `name:"tls-key" help:"The key of the certificate, in PEM." type:"path" placeholder:"FILE" env:"ORDERFLOW_EVENTSTORE_TLS_KEY"`
	Insecure  bool   `help:"Serve without TLS and let everybody do everything, on this machine only."`
	Advertise string `help:"The address that clients are told when they discover the node (default: where it listens)." placeholder:"HOST:PORT"`
	JSON      bool   `help:"Print the connection string as JSON for programs."`
}

// Help is shown under the subcommand's own --help.
func (c *eventstoreCmd) Help() string {
	return usage("Any client of EventStoreDB 20.6 or later can use the node; it has no projections. " +
		"The first start makes the users admin and ops with the password changeit.\n\n" +
		"Once it takes requests it prints how to connect. The log is that of `orderflow serve --data DIR`; one process may have it open.")
}

type eventstoreView struct {
	Connection string `json:"connection"`
	Data       string `json:"data"`
}

// Run serves until it is told to end.
func (c *eventstoreCmd) Run(ctx context.Context, s streams, logger *slog.Logger) (err error) {
	options, err := c.options(logger)
	if err != nil {
		return err
	}
	conf := config{Data: c.Data}
	if err := conf.check(); err != nil {
		return err
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return domain.Wrap(domain.Invalid, err, "The data directory cannot be made; choose another with --data")
	}
	log, err := openLogWith(conf, pebblelog.Options{Logger: logger, IndexIDs: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	options.Log = log
	var lc net.ListenConfig
	socket, err := lc.Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return domain.Wrap(domain.Unavailable, &portError{err}, "Cannot listen on %s; choose another address with --listen, where port 0 takes a free one", c.Listen)
	}
	node, err := esdbserver.New(ctx, options)
	if err != nil {
		return errors.Join(err, socket.Close())
	}
	if err := c.show(s, socket.Addr().String()); err != nil {
		return errors.Join(err, socket.Close(), node.Close())
	}
	group, failed := errgroup.WithContext(ctx)
	group.Go(func() error { return node.Serve(socket) })
	group.Go(func() error {
		<-failed.Done()
		return node.Close()
	})
	return group.Wait()
}

// options refuses what would serve passwords or data to anybody who listens.
func (c *eventstoreCmd) options(logger *slog.Logger) (o esdbserver.Options, err error) {
	o = esdbserver.Options{Insecure: c.Insecure, Advertise: c.Advertise, Logger: logger}
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

// show says how to connect.
func (c *eventstoreCmd) show(s streams, address string) error {
	connection := "esdb://" + address
	if c.Insecure {
		connection += "?tls=false"
	}
	if c.JSON {
		return printJSON(s.out, eventstoreView{connection, c.Data})
	}
	if c.Insecure {
		fmt.Fprintln(s.err, "The event store is insecure: whoever is on this machine may do everything.")
	}
	_, err := fmt.Fprintln(s.out, connection)
	return err
}
