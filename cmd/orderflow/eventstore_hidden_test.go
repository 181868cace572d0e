package main

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"orderflow/cmd/orderflow/internal/audit"
	"orderflow/cmd/orderflow/internal/bench"
	"orderflow/cmd/orderflow/internal/node"
	"orderflow/commands"
	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/fulfilment"
	"orderflow/domain/order"
	"orderflow/domain/payment"
	"orderflow/domain/shipment"
	"orderflow/infra/memory"
)

// told passes on the streams that a node warns of.
type told struct {
	slog.Handler
	streams chan string
}

func (h told) Enabled(context.Context, slog.Level) bool { return true }

func (h told) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "stream" {
			h.streams <- a.Value.String()
		}
		return true
	})
	return nil
}

// strangerTo is a client of an event store that knows nothing of orders.
func strangerTo(t *testing.T, connection string) *esdb.Client {
	t.Helper()
	config, err := esdb.ParseConnectionString(connection)
	if err != nil {
		t.Fatal(err)
	}
	config.Logger = esdb.NoopLogging()
	client, err := esdb.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// TestHiddenWhileItWorks takes events of streams away under a node that has them
// in memory: it says so, and decides nothing more about them.
func TestHiddenWhileItWorks(t *testing.T) {
	connection := storeOn(t, memory.NewDense())
	handler := told{slog.DiscardHandler, make(chan string, 100)}
	app, err := node.New(t.Context(), node.Config{Data: t.TempDir(), EventStore: connection}, slog.New(handler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := app.Close(); err != nil {
			t.Error(err)
		}
	}()
	stranger := strangerTo(t, connection)
	var one esdb.StreamMetadata
	one.SetMaxCount(1)
	limit := func(ctx context.Context, s eventlog.Stream) error {
		_, err := stranger.SetStreamMetadata(ctx, string(s), esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, one)
		return err
	}
	remove := func(ctx context.Context, s eventlog.Stream) error {
		_, err := stranger.DeleteStream(ctx, string(s), esdb.DeleteStreamOptions{ExpectedRevision: esdb.Any{}})
		return err
	}
	err = app.While(t.Context(), func(ctx context.Context) error {
		if err := bench.Furnish(ctx, app.Bus); err != nil {
			return err
		}
		if _, err := bench.RunOrders(ctx, app, "hidden", 5, 5); err != nil {
			return err
		}
		// An order is confirmed before its last steps are recorded. Whatever is stored after
		// them is stored by what follows here.
		if err := awaitCompleted(ctx, app.Log, 5); err != nil {
			return err
		}
		for i, c := range []struct {
			name   string
			stream func(domain.OrderID) eventlog.Stream
			hide   func(context.Context, eventlog.Stream) error
			send   func(domain.OrderID) commands.Command
		}{
			{"parcel deleted", shipment.Stream, remove, func(id domain.OrderID) commands.Command { return commands.DispatchShipment{Order: id} }},
			{"order deleted", order.Stream, remove, func(id domain.OrderID) commands.Command { return commands.CancelOrder{Order: id} }},
			{"order limited", order.Stream, limit, func(id domain.OrderID) commands.Command { return commands.CancelOrder{Order: id} }},
		} {
			id := bench.Order("hidden", i).OrderID()
			if err := c.hide(ctx, c.stream(id)); err != nil {
				return err
			}
			if !handler.says(t, c.stream(id)) {
				break
			}
			end, err := app.Log.End(ctx)
			if err != nil {
				return err
			}
			if _, err := app.Bus.Send(ctx, c.send(id)); domain.KindOf(err) != domain.Incomplete {
				t.Errorf("%s: %v, want kind incomplete", c.name, err)
			}
			if err := onlyCallsForAPerson(ctx, app.Log, end); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// awaitCompleted returns when the fulfilments of n orders are completed.
func awaitCompleted(ctx context.Context, log eventlog.Store, n int) error {
	completed := fulfilment.Completed{}.EventType()
	for r, err := range log.Subscribe(ctx, 0, fulfilment.Category) {
		if err != nil {
			return err
		}
		if r.Type == completed {
			n--
		}
		if n == 0 {
			return nil
		}
	}
	return ctx.Err()
}

// onlyCallsForAPerson returns an error if anything was stored above a position but that an
// order needs a person: a saga that looks at an order with hidden events records that,
// and nothing else.
func onlyCallsForAPerson(ctx context.Context, log node.EventLog, above eventlog.Position) error {
	end, err := log.End(ctx)
	if err != nil || end <= above {
		return err
	}
	allowed := fulfilment.NeedsAttention{}.EventType()
	for r, err := range log.Subscribe(ctx, above, audit.Categories()...) {
		switch {
		case err != nil:
			return err
		case r.Type != allowed:
			return fmt.Errorf("%s was stored in %s: %s", r.Type, r.Stream, r.Data)
		case r.Position >= end:
			return nil
		}
	}
	return ctx.Err()
}

// says waits until the node warns of a stream.
func (h told) says(t *testing.T, s eventlog.Stream) bool {
	t.Helper()
	patience := time.NewTimer(30 * time.Second)
	defer patience.Stop()
	for {
		select {
		case stream := <-h.streams:
			if stream == string(s) {
				return true
			}
		case <-patience.C:
			t.Errorf("nothing is said of %s", s)
			return false
		}
	}
}

// TestATombstoneAtTheEnd is the last event of the log, under a running node and
// when one starts: views go on, whose streams they are.
func TestATombstoneAtTheEnd(t *testing.T) {
	connection := storeOn(t, memory.NewDense())
	c := node.Config{Data: t.TempDir(), EventStore: connection}
	work(t, c, "one")
	stranger := strangerTo(t, connection)
	for i, s := range []string{"foreign-1", string(payment.Stream(bench.Order("one", 0).OrderID())), "foreign-2"} {
		tombstone := func() error {
			_, err := stranger.TombstoneStream(t.Context(), s, esdb.TombstoneStreamOptions{ExpectedRevision: esdb.Any{}})
			return err
		}
		if stopped := i < 2; stopped {
			if err := tombstone(); err != nil {
				t.Fatal(err)
			}
		}
		app, err := node.New(t.Context(), c, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		err = app.While(t.Context(), func(ctx context.Context) error {
			if i == 2 {
				if err := tombstone(); err != nil {
					return err
				}
			}
			if err := app.AwaitViews(ctx); err != nil {
				return err
			}
			return app.Runner.Broken()
		})
		if err != nil {
			t.Errorf("a tombstone of %s: %v", s, err)
		}
		if err := app.Close(); err != nil {
			t.Error(err)
		}
	}
}
