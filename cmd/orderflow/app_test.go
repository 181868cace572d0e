package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderflow/cmd/orderflow/internal/audit"
	"orderflow/cmd/orderflow/internal/bench"
	"orderflow/cmd/orderflow/internal/client"
	"orderflow/cmd/orderflow/internal/node"
	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/order"
	"orderflow/infra/memory"
)

// quietly opens a node in dir.
func quietly(t *testing.T, dir string) *node.App {
	t.Helper()
	app, err := node.New(t.Context(), node.Config{Data: dir, Listen: node.AnyPort, Private: node.AnyPort}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return app
}

// TestAppLeavesNothing opens, runs and closes a node twice on the same folder.
func TestAppLeavesNothing(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	dir := t.TempDir()
	for range 2 {
		app := quietly(t, dir)
		err := app.While(t.Context(), func(ctx context.Context) error {
			defer http.DefaultClient.CloseIdleConnections()
			awaitReady(t, app)
			var ready struct{ Status string }
			api := &client.Client{Base: app.URL(), HTTP: http.DefaultClient}
			if err := api.Do(ctx, client.Request{Method: http.MethodGet, Path: "/healthz/ready"}, &ready); err != nil {
				return err
			}
			if ready.Status != "ok" {
				return fmt.Errorf("the node says it is %q", ready.Status)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := app.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAppRefusesDamage breaks what a node keeps and expects words, not a start.
func TestAppRefusesDamage(t *testing.T) {
	dir := t.TempDir()
	app := quietly(t, dir)
	err := app.While(t.Context(), func(ctx context.Context) error { return bench.Furnish(ctx, app.Bus) })
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "log", "db")); err != nil {
		t.Fatal(err)
	}
	again, err := node.New(t.Context(), node.Config{Data: dir}, slog.New(slog.DiscardHandler))
	if err == nil {
		t.Fatal("a log that lost everything was opened", again.Close())
	}
	if domain.KindOf(err) != domain.Internal {
		t.Errorf("kind %s, want internal: %v", domain.KindOf(err), err)
	}
}

// TestReplayFollowsOrders folds more events than one stretch holds; the status
// of an order is what its last event says, wherever the stretches part.
func TestReplayFollowsOrders(t *testing.T) {
	log := memory.New()
	const orders = audit.ReplayStretch
	add := func(i int, e order.Event) {
		p, err := order.Codec.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		s, version := order.Stream(domain.OrderID(fmt.Sprint("o", i))), eventlog.Version(0)
		if _, placed := e.(order.Placed); !placed {
			version = 1
		}
		p.ID = eventlog.NewEventID(fmt.Sprint(version), s, 0)
		if _, err := log.Append(t.Context(), s, version, p); err != nil {
			t.Fatal(err)
		}
	}
	for i := range orders {
		add(i, order.Placed{})
	}
	for i := range orders - 1 {
		add(i, order.Confirmed{})
	}
	r, err := audit.Replay(t.Context(), log, func(eventlog.Position, int64) {})
	if err != nil {
		t.Fatal(err)
	}
	if r.Events != 2*orders-1 || r.Streams != orders || r.Orders[order.StatusPlaced] != 1 || r.Orders[order.StatusConfirmed] != orders-1 {
		t.Errorf("%d events of %d streams, orders %v", r.Events, r.Streams, r.Orders)
	}
}

// TestReplayRefusesTheUnknown does not step over an event it cannot read.
func TestReplayRefusesTheUnknown(t *testing.T) {
	log := memory.New()
	p := eventlog.Pending{ID: eventlog.EventID{1}, Type: "order.teleported.v1", Data: []byte("{}")}
	if _, err := log.Append(t.Context(), "order-x", 0, p); err != nil {
		t.Fatal(err)
	}
	if r, err := audit.Replay(t.Context(), log, func(eventlog.Position, int64) {}); err == nil {
		t.Errorf("an unknown event was added up: %+v", r)
	}
}

func TestDefaultDataDir(t *testing.T) {
	for _, c := range []struct{ state, home, want string }{
		{"/state", "/home/u", "/state/orderflow"},
		{"", "/home/u", "/home/u/.local/state/orderflow"},
		{"relative/is/ignored", "/home/u", "/home/u/.local/state/orderflow"},
		{"", "", ""},
	} {
		got := node.DefaultDataDir(func(name string) string {
			return map[string]string{"XDG_STATE_HOME": c.state, "HOME": c.home}[name]
		})
		if got != c.want {
			t.Errorf("XDG_STATE_HOME=%q HOME=%q: %q, want %q", c.state, c.home, got, c.want)
		}
	}
}

// TestJudge holds figures against budgets of both directions.
func TestJudge(t *testing.T) {
	for _, c := range []struct {
		value, limit, budget float64
		atMost, also, met    bool
	}{
		{8, 10, 0.7, false, true, true},
		{6, 10, 0.7, false, true, false},
		{7, 10, 0.7, false, true, true},
		{8, 10, 0.7, false, false, false},
		{1, 2, 1, true, true, true},
		{3, 2, 1, true, true, false},
		{2, 2, 1, true, true, true},
	} {
		f := bench.Figure{Value: c.value, Limit: c.limit, Budget: c.budget, AtMost: c.atMost}.Judge(c.also)
		if f.Met != c.met {
			t.Errorf("%+v: met %t, want %t", c, f.Met, c.met)
		}
	}
}

// awaitReady waits until a node is ready.
func awaitReady(t *testing.T, app *node.App) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) { // readiness is asked, not told
		if err = errors.Join(app.StartedUp(), app.Ready(t.Context())); err == nil {
			return
		}
	}
	t.Fatal(err)
}
