package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"orderflow/domain"
)

// target is whom a subcommand asks by the public API.
type target struct {
	node
	JSON bool `help:"Print JSON for programs."`

	begins bool // in a directory that is named and is not there yet, too
}

// beginning is t for what fills an empty shop: it may make a data directory.
func (t target) beginning() target {
	t.begins = true
	return t
}

// with calls use with a client. In process, a whole node works while use runs:
// orders that are placed are fulfilled.
func (t target) with(ctx context.Context, logger *slog.Logger, use func(context.Context, *client) error) error {
	n, err := t.resolve(ctx, logger)
	if err != nil {
		return err
	}
	if base := strings.TrimRight(n.server(), "/"); base != "" {
		if !strings.HasPrefix(base, "http://") && !strings.HasPrefix(base, "https://") {
			return domain.Errorf(domain.Invalid, "%q is not the address of a server; write it as in --server %s.", t.Server, defaultServer)
		}
		return use(ctx, &client{base: base, http: &http.Client{}})
	}
	c := n.config()
	if err := c.exists(); err != nil && !t.begins {
		return err
	}
	app, err := New(ctx, c, logger)
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

// brokenLookEvery is how often a node that runs for one purpose looks whether a
// view has broken, which its purpose may wait for in vain.
const brokenLookEvery = 500 * time.Millisecond

// watchViews returns why a view stands still, as soon as one does, or nil when
// ctx is done.
func (a *App) watchViews(ctx context.Context) error {
	for {
		if err := a.Runner.Broken(); err != nil {
			return err
		}
		if waitFor(ctx, brokenLookEvery) != nil {
			return nil
		}
	}
}

// while runs the node as long as f runs, and returns f's error or else the
// node's. If a part of the node ends first, or a view breaks, f's context is
// canceled, and the result is why.
func (a *App) while(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ran := make(chan error, 1)
	go func() {
		group, running := errgroup.WithContext(ctx)
		group.Go(func() error { return a.Run(running) })
		group.Go(func() error { return a.watchViews(running) })
		err := group.Wait()
		if err != nil {
			a.logger.ErrorContext(ctx, "a part of the node has ended, so all of it ends", "kind", domain.KindOf(err).String(), "error", err)
		}
		ran <- err
		cancel()
	}()
	err := f(ctx)
	select {
	case ended := <-ran: // before f: what f says comes of that
		return firstErr(ended, err)
	default:
	}
	cancel()
	return firstErr(err, <-ran)
}

// Client speaks to the node within the process, past the network.
func (a *App) Client() *client {
	return &client{base: "http://in-process", http: &http.Client{Transport: inProcess{a.API}}}
}
