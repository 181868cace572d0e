package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"orderflow/domain"
)

// Limits of a demonstration.
const (
	maxDemoOrders = 100_000
	// demoBreakerOpen keeps the wait for the end of the outage short; a node
	// waits resilience.DefaultOpenFor.
	demoBreakerOpen = 2 * time.Second
	// demoSettleTime bounds the wait until every order has settled.
	demoSettleTime = time.Minute
)

// demoCmd shows the system at work.
type demoCmd struct {
	Orders int    `help:"How many orders to place." default:"300"`
	Exit   bool   `help:"End when everything has settled instead of serving on."`
	Data   string `help:"Keep the data here; by default it is thrown away at the end." type:"path" placeholder:"DIR"`
	eventStore
	Listen  string `help:"Where the API listens; another port is taken if this one is in use." default:"${listen}"`
	Private string `help:"Where metrics listen; another port is taken if this one is in use." default:"${private}"`
	Seed    uint64 `help:"Of everything that happens by chance." default:"1"`
}

// Help is shown under the subcommand's own --help.
func (c *demoCmd) Help() string {
	return usage("Everything runs in this process, on embedded stores and a simulated payment gateway and carrier. " +
		"The orders go through the public API. In the middle the gateway has an outage: orders are taken all the same and settle when it is over.\n\n" +
		"With --eventstore the log is there; give it an empty one, for at the end the whole log is held against the gateway's own ledger.")
}

// Run demonstrates.
func (c *demoCmd) Run(ctx context.Context, s streams, logger *slog.Logger) (err error) {
	if c.Orders < 1 || c.Orders > maxDemoOrders {
		return domain.Errorf(domain.Invalid, "A demonstration places 1 to %d orders, not %d.", maxDemoOrders, c.Orders)
	}
	if c.Data == "" {
		if c.Data, err = os.MkdirTemp("", "orderflow-demo-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(c.Data)) }()
	}
	begun := time.Now()
	app, err := c.open(ctx, logger)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "Started in %s: log, sagas, views, API, a simulated gateway and a simulated carrier, all in this process.\n\n",
		time.Since(begun).Round(time.Millisecond))
	err = app.while(ctx, func(ctx context.Context) error {
		p := newPlay(&client{base: app.URL(), http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: demoClients}}}, c.Seed)
		if err := c.play(ctx, s, app, p); err != nil {
			return err
		}
		fmt.Fprintln(s.out)
		if c.Exit { // what it listened on is gone in a moment
			_, err := fmt.Fprintf(s.out, "Without --exit it serves on: the API at http://%s/v1/orders, its description at http://%[1]s/docs.\n", c.Listen)
			return err
		}
		app.showAddresses(s)
		p.showExamples(s)
		fmt.Fprintln(s.out, "\nServing on; Ctrl-C ends it.")
		<-ctx.Done()
		return nil
	})
	return errors.Join(err, app.Close())
}

// open opens the node, on other ports if the usual ones are in use.
func (c *demoCmd) open(ctx context.Context, logger *slog.Logger) (*App, error) {
	wanted := config{Data: c.Data, EventStore: c.EventStore, Listen: c.Listen, Private: c.Private, BreakerOpen: demoBreakerOpen}
	app, err := New(ctx, wanted, logger)
	if _, inUse := errors.AsType[*portError](err); inUse {
		wanted.Listen, wanted.Private = anyPort, anyPort
		return New(ctx, wanted, logger)
	}
	return app, err
}

// play is the demonstration, scene by scene.
func (c *demoCmd) play(ctx context.Context, s streams, app *App, p *play) error {
	if err := p.furnish(ctx, s, c.Orders); err != nil {
		return err
	}
	before, during := c.Orders*7/10, c.Orders*15/100
	bar := newProgress(s.err, "placing orders", int64(c.Orders))
	defer bar.end()
	if err := p.placeAll(ctx, before, bar); err != nil {
		return err
	}
	if err := p.outage(ctx, app, during, bar); err != nil {
		return err
	}
	if err := p.placeAll(ctx, c.Orders-before-during, bar); err != nil {
		return err
	}
	bar.end()
	if err := p.changeMinds(ctx); err != nil {
		return err
	}
	if err := p.settle(ctx, s); err != nil {
		return err
	}
	return p.show(ctx, s, app)
}
