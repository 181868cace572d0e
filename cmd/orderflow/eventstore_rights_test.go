package main

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"orderflow/cmd/orderflow/internal/bench"
	"orderflow/cmd/orderflow/internal/node"
	"orderflow/domain"
	"orderflow/infra/esdbserver"
	"orderflow/infra/esdbserver/conformance"
	"orderflow/infra/esdbserver/userclient"
	"orderflow/infra/memory"
)

// secureStore is a node with TLS that can be restarted; its log stays.
type secureStore struct {
	log         esdbserver.Log
	certificate tls.Certificate
	ca, address string
	stop        func()
}

func newSecureStore(t *testing.T) *secureStore {
	t.Helper()
	return newSecureStoreOn(t, memory.NewDense())
}

func newSecureStoreOn(t *testing.T, log esdbserver.Log) *secureStore {
	t.Helper()
	dir := t.TempDir()
	if err := conformance.WriteCertificates(dir, time.Now()); err != nil {
		t.Fatal(err)
	}
	certificate, err := tls.LoadX509KeyPair(filepath.Join(dir, "node", "node.crt"), filepath.Join(dir, "node", "node.key"))
	if err != nil {
		t.Fatal(err)
	}
	s := &secureStore{log: log, certificate: certificate, ca: filepath.Join(dir, "ca", "ca.crt"), address: node.AnyPort}
	s.start(t)
	t.Cleanup(func() { s.stop() })
	return s
}

func (s *secureStore) start(t *testing.T) {
	t.Helper()
	server, err := esdbserver.New(t.Context(), esdbserver.Options{Log: s.log, Certificate: &s.certificate})
	if err != nil {
		t.Fatal(err)
	}
	var lc net.ListenConfig
	socket, err := lc.Listen(t.Context(), "tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	s.address = socket.Addr().String()
	served := make(chan error, 1)
	go func() { served <- server.Serve(socket) }()
	s.stop = func() {
		if err := errors.Join(server.Close(), <-served); err != nil {
			t.Error(err)
		}
	}
}

// restart cuts every connection.
func (s *secureStore) restart(t *testing.T) {
	t.Helper()
	s.stop()
	s.start(t)
}

func (s *secureStore) connection(who string) string {
	return "esdb://" + who + "@" + s.address + "?tlsCaFile=" + s.ca
}

func (s *secureStore) admin(t *testing.T) *userclient.Client {
	t.Helper()
	c, err := userclient.Open(s.connection("admin:changeit"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// TestTheUserOfTheProduct starts a node of the system as a user that lacks
// something, and is told what; with the right to read $all it works, and that
// is all it needs.
func TestTheUserOfTheProduct(t *testing.T) {
	store := newSecureStore(t)
	admin := store.admin(t)
	c := node.Config{Data: t.TempDir(), EventStore: store.connection("orderflow:secret")}
	refused := func(what, says string) {
		t.Helper()
		app, err := node.New(t.Context(), c, slog.New(slog.DiscardHandler))
		if err == nil {
			t.Fatal(what, "it was opened", app.Close())
		}
		if domain.KindOf(err) != domain.Unavailable || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: kind %s: %v", what, domain.KindOf(err), err)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	refused("no such user", "refuses the user or password")
	must(admin.Add(t.Context(), userclient.User{Login: "orderflow"}, "secret"))
	refused("without the right", "the right to read $all (orderflow eventstore user grant)")
	_, err := admin.Grant(t.Context(), "orderflow")
	must(err)
	work(t, c, "one")
	must(admin.Disable(t.Context(), "orderflow"))
	refused("disabled", "refuses the user or password")
	must(admin.Enable(t.Context(), "orderflow"))
	work(t, c, "two")
}

// TestAnotherPasswordUnderWork changes the password of a system that works,
// cuts its connections, and changes it back: meanwhile it is not ready and
// takes no orders, says why, and goes on afterwards by itself.
func TestAnotherPasswordUnderWork(t *testing.T) {
	store := newSecureStore(t)
	admin := store.admin(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(admin.Add(t.Context(), userclient.User{Login: "orderflow"}, "secret"))
	_, err := admin.Grant(t.Context(), "orderflow")
	must(err)
	app, err := node.New(t.Context(), node.Config{Data: t.TempDir(), EventStore: store.connection("orderflow:secret"), Listen: node.AnyPort, Private: node.AnyPort}, slog.New(slog.DiscardHandler))
	must(err)
	defer http.DefaultClient.CloseIdleConnections()
	err = app.While(t.Context(), func(ctx context.Context) error {
		if err := bench.Furnish(ctx, app.Bus); err != nil {
			return err
		}
		if _, err := bench.RunOrders(ctx, app, "one", 5, 5); err != nil {
			return err
		}
		must(admin.SetPassword(ctx, "orderflow", "other"))
		store.restart(t)
		if err := app.Ready(ctx); domain.KindOf(err) != domain.Unavailable || !strings.Contains(err.Error(), "refuses the user or password") {
			t.Errorf("with another password it is: %v", err)
		}
		if code := statusOf(ctx, t, app.PrivateURL()+node.ReadyProbe); code != http.StatusServiceUnavailable {
			t.Errorf("the probe says %d", code)
		}
		if _, err := bench.RunOrders(ctx, app, "two", 1, 1); domain.KindOf(err) != domain.Unavailable {
			t.Errorf("an order is answered with %v", err)
		}
		must(admin.SetPassword(ctx, "orderflow", "secret"))
		if err := app.Ready(ctx); err != nil {
			t.Errorf("with the password again it is: %v", err)
		}
		_, err := bench.RunOrders(ctx, app, "three", 5, 5)
		return err
	})
	must(err)
	must(app.Close())
}

func statusOf(ctx context.Context, t *testing.T, url string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}
