package remote_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"orderflow/domain"
	"orderflow/infra/simulator"
	"orderflow/infra/simulator/remote"
	"orderflow/sagas/charging"
	"orderflow/sagas/charging/chargingtest"
	"orderflow/sagas/dispatching"
	"orderflow/sagas/dispatching/dispatchingtest"
	"orderflow/sagas/providertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "0123456789abcdef0123456789abcdef"

// service is a simulator that is served, and a client of it.
type service struct {
	*remote.Client
	sim  *simulator.Simulator
	dir  string
	url  string
	stop func()

	mu   sync.Mutex
	next map[simulator.Op]chan struct{}
}

func serve(t *testing.T) *service {
	t.Helper()
	s := &service{dir: t.TempDir(), next: map[simulator.Op]chan struct{}{}}
	var err error
	if s.sim, err = simulator.Open(s.dir, simulator.Options{Recorded: s.recorded}); err != nil {
		t.Fatal(err)
	}
	socket, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.url = "http://" + socket.Addr().String()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- remote.Serve(ctx, socket, s.sim, secret, slog.New(slog.DiscardHandler)) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(s.stop)
	s.Client = client(t, s.url)
	return s
}

func client(t *testing.T, url string) *remote.Client {
	t.Helper()
	c, err := remote.NewClient(url, secret)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// received returns a channel that is closed when the next call of op is in the ledger.
func (s *service) received(op simulator.Op) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next[op] = make(chan struct{})
	return s.next[op]
}

func (s *service) recorded(r simulator.Row) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.next[r.Op]; c != nil {
		delete(s.next, r.Op)
		close(c)
	}
}

func (s *service) ledger(t testing.TB) simulator.Summary {
	t.Helper()
	sum, err := simulator.ReadLedger(filepath.Join(s.dir, simulator.LedgerFile))
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func charge(key, token string, minor int64) charging.Charge {
	return charging.Charge{Order: domain.OrderID("ord_" + key), Key: key, Amount: domain.GBP(minor), Token: token}
}

// want checks kind and reason; an empty reason wants success.
func want(t *testing.T, err error, kind domain.Kind, reason string) {
	t.Helper()
	if reason == "" {
		if err != nil {
			t.Fatalf("got %v, want success", err)
		}
		return
	}
	got := ""
	if f, ok := errors.AsType[charging.Failure](err); ok {
		got = f.Reason
	} else if f, ok := errors.AsType[dispatching.Failure](err); ok {
		got = f.Reason
	}
	if domain.KindOf(err) != kind || got != reason {
		t.Fatalf("got %v (%s, %q), want %s (%s)", err, domain.KindOf(err), got, reason, kind)
	}
}

func only[A any](_ A, err error) error { return err }

var behaviours = map[providertest.Fault]simulator.Behaviour{
	providertest.Refused: simulator.Unavailable,
	providertest.Failed:  simulator.Fail,
	providertest.Lost:    simulator.LoseReply,
	providertest.Hung:    simulator.Hang,
	providertest.Decline: simulator.Decline,
}

func TestGatewayContract(t *testing.T) {
	for _, name := range simulator.Names() {
		t.Run(name, func(t *testing.T) {
			chargingtest.Run(t, func(t *testing.T) chargingtest.Subject {
				s := serve(t)
				return chargingtest.Subject{
					Gateway: s.Gateway(name),
					Next: func(op string, f providertest.Fault) <-chan struct{} {
						s.sim.Next(simulator.Op(op), name, simulator.AnyKey, behaviours[f])
						return s.received(simulator.Op(op))
					},
					Captures: func(t testing.TB, key string) int { return s.ledger(t).Captures[key] },
				}
			})
		})
	}
}

func TestCarrierContract(t *testing.T) {
	for _, name := range simulator.Names() {
		t.Run(name, func(t *testing.T) {
			dispatchingtest.Run(t, func(t *testing.T) dispatchingtest.Subject {
				s := serve(t)
				return dispatchingtest.Subject{
					Carrier: s.Carrier(name),
					Next: func(op string, f providertest.Fault) <-chan struct{} {
						s.sim.Next(simulator.Op(op), name, simulator.AnyKey, behaviours[f])
						return s.received(simulator.Op(op))
					},
					Parcels: func(t testing.TB, id domain.OrderID) int {
						a := s.ledger(t).Orders[id]
						return a.Bookings - a.Undos
					},
				}
			})
		})
	}
}
