package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"orderflow/cmd/orderflow/internal/client"
	"orderflow/cmd/orderflow/internal/node"
	"orderflow/cmd/orderflow/internal/target"
	"orderflow/cmd/orderflow/internal/terminal"
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

// Command shows the system at work.
type Command struct {
	Orders int    `help:"How many orders to place." default:"300"`
	Exit   bool   `help:"End when everything has settled instead of serving on."`
	Data   string `help:"Keep the data here; by default it is thrown away at the end." type:"path" placeholder:"DIR"`
	target.EventStoreFlag
	Listen  string `help:"Where the API listens; another port is taken if this one is in use." default:"${listen}"`
	Private string `help:"Where metrics listen; another port is taken if this one is in use." default:"${private}"`
	Seed    uint64 `help:"Of everything that happens by chance." default:"1"`
}

// Help is shown under the subcommand's own --help.
func (c *Command) Help() string {
	return terminal.Usage("Everything runs in this process, on embedded stores and a simulated payment gateway and carrier. " +
		"The orders go through the public API. In the middle the gateway has an outage: orders are taken all the same and settle when it is over.\n\n" +
		"With --eventstore the log is there; give it an empty one, for at the end the whole log is held against the gateway's own ledger.")
}

// Run demonstrates.
func (c *Command) Run(ctx context.Context, s terminal.Streams, logger *slog.Logger) (err error) {
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
	fmt.Fprintf(s.Out, "Started in %s: log, sagas, views, API, a simulated gateway and a simulated carrier, all in this process.\n\n",
		time.Since(begun).Round(time.Millisecond))
	err = app.While(ctx, func(ctx context.Context) error {
		p := newPlay(&client.Client{Base: app.URL(), HTTP: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: demoClients}}}, c.Seed)
		if err := c.play(ctx, s, app, p); err != nil {
			return err
		}
		fmt.Fprintln(s.Out)
		if c.Exit { // what it listened on is gone in a moment
			_, err := fmt.Fprintf(s.Out, "Without --exit it serves on: the API at http://%s/v1/orders, its description at http://%[1]s/docs.\n", c.Listen)
			return err
		}
		app.ShowAddresses(s)
		p.showExamples(s)
		fmt.Fprintln(s.Out, "\nServing on; Ctrl-C ends it.")
		<-ctx.Done()
		return nil
	})
	return errors.Join(err, app.Close())
}

// open opens the node, on other ports if the usual ones are in use.
func (c *Command) open(ctx context.Context, logger *slog.Logger) (*node.App, error) {
	wanted := node.Config{Data: c.Data, EventStore: c.EventStore, Listen: c.Listen, Private: c.Private, BreakerOpen: demoBreakerOpen}
	app, err := node.New(ctx, wanted, logger)
	if _, inUse := errors.AsType[*node.PortError](err); inUse {
		wanted.Listen, wanted.Private = node.AnyPort, node.AnyPort
		return node.New(ctx, wanted, logger)
	}
	return app, err
}

// play is the demonstration, scene by scene.
func (c *Command) play(ctx context.Context, s terminal.Streams, app *node.App, p *play) error {
	if err := p.furnish(ctx, s, c.Orders); err != nil {
		return err
	}
	before, during := c.Orders*7/10, c.Orders*15/100
	bar := terminal.NewProgress(s.Err, "placing orders", int64(c.Orders))
	defer bar.End()
	if err := p.placeAll(ctx, before, bar); err != nil {
		return err
	}
	if err := p.outage(ctx, app, during, bar); err != nil {
		return err
	}
	if err := p.placeAll(ctx, c.Orders-before-during, bar); err != nil {
		return err
	}
	bar.End()
	if err := p.changeMinds(ctx); err != nil {
		return err
	}
	if err := p.settle(ctx, s); err != nil {
		return err
	}
	return p.show(ctx, s, app)
}
