package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"orderflow/domain"
)

// target says whom a subcommand asks: a server, or a data directory that it
// opens itself.
type target struct {
	Server string `help:"Ask the server at this address (default ${server})." placeholder:"URL" env:"ORDERFLOW_SERVER"`
	Data   string `help:"Open this data directory in process instead; no server may use it." placeholder:"DIR" type:"path"`
	eventStore
	JSON bool `help:"Print JSON for programs."`
}

// with calls use with a client. In process, a whole node works while use runs:
// orders that are placed are fulfilled.
func (t target) with(ctx context.Context, logger *slog.Logger, use func(context.Context, *client) error) error {
	if t.Data == "" {
		base := strings.TrimRight(t.Server, "/")
		if base == "" {
			base = defaultServer
		}
		if !strings.HasPrefix(base, "http://") && !strings.HasPrefix(base, "https://") {
			return domain.Errorf(domain.Invalid, "%q is not the address of a server; write it as in --server %s.", t.Server, defaultServer)
		}
		return use(ctx, &client{base: base, http: &http.Client{}})
	}
	app, err := New(ctx, config{Data: t.Data, EventStore: t.EventStore}, logger)
	if err != nil {
		return err
	}
	err = app.while(ctx, func(ctx context.Context) error {
		if err := app.awaitViews(ctx); err != nil { // what the last command did is to be seen
			return err
		}
		return use(ctx, app.Client())
	})
	return errors.Join(err, app.Close())
}

// fresh lets a query demand what an earlier command did.
type fresh struct {
	Position int64 `help:"Wait until the view has this position; commands print theirs." placeholder:"N"`
}

// query adds the demand to a query.
func (f fresh) query(q url.Values) url.Values {
	if f.Position > 0 {
		q.Set("position", strconv.FormatInt(f.Position, 10))
	}
	return q
}

// while runs the node as long as f runs, and returns f's error or else the node's.
func (a *App) while(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	ran := make(chan error, 1)
	go func() { ran <- a.Run(ctx) }()
	err := f(ctx)
	cancel()
	return firstErr(err, <-ran)
}

// Client speaks to the node within the process, past the network.
func (a *App) Client() *client {
	return &client{base: "http://in-process", http: &http.Client{Transport: inProcess{a.API}}}
}
