package simulator_test

import (
	"path/filepath"
	"sync"
	"testing"

	"orderflow/domain"
	"orderflow/infra/simulator"
	"orderflow/sagas/charging/chargingtest"
	"orderflow/sagas/dispatching/dispatchingtest"
	"orderflow/sagas/providertest"
)

// arrivals tells when the provider has received the next call of an operation.
type arrivals struct {
	mu   sync.Mutex
	next map[simulator.Op]chan struct{}
}

func (a *arrivals) wait(op simulator.Op) <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.next == nil {
		a.next = map[simulator.Op]chan struct{}{}
	}
	a.next[op] = make(chan struct{})
	return a.next[op]
}

func (a *arrivals) recorded(r simulator.Row) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if received := a.next[r.Op]; received != nil {
		delete(a.next, r.Op)
		close(received)
	}
}

func TestGatewayContract(t *testing.T) {
	for _, name := range simulator.Names() {
		t.Run(name, func(t *testing.T) {
			chargingtest.Run(t, func(t *testing.T) chargingtest.Subject {
				var at arrivals
				dir := t.TempDir()
				s := open(t, dir, simulator.Options{Recorded: at.recorded})
				return chargingtest.Subject{
					Gateway: s.Gateway(name),
					Next: func(op string, f providertest.Fault) <-chan struct{} {
						s.Next(simulator.Op(op), name, simulator.AnyKey, behaviour(t, f))
						return at.wait(simulator.Op(op))
					},
					Captures: func(t testing.TB, key string) int { return sums(t, dir).Captures[key] },
				}
			})
		})
	}
}

func TestCarrierContract(t *testing.T) {
	for _, name := range simulator.Names() {
		t.Run(name, func(t *testing.T) {
			dispatchingtest.Run(t, func(t *testing.T) dispatchingtest.Subject {
				var at arrivals
				dir := t.TempDir()
				s := open(t, dir, simulator.Options{Recorded: at.recorded})
				return dispatchingtest.Subject{
					Carrier: s.Carrier(name),
					Next: func(op string, f providertest.Fault) <-chan struct{} {
						s.Next(simulator.Op(op), name, simulator.AnyKey, behaviour(t, f))
						return at.wait(simulator.Op(op))
					},
					Parcels: func(t testing.TB, id domain.OrderID) int {
						a := sums(t, dir).Orders[id]
						return a.Bookings - a.Undos
					},
				}
			})
		})
	}
}

func sums(t testing.TB, dir string) simulator.Summary {
	t.Helper()
	sum, err := simulator.ReadLedger(filepath.Join(dir, simulator.LedgerFile))
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// behaviour returns how the simulator makes a fault of the suites.
func behaviour(t testing.TB, fault providertest.Fault) simulator.Behaviour {
	t.Helper()
	switch fault {
	case providertest.Refused:
		return simulator.Unavailable
	case providertest.Failed:
		return simulator.Fail
	case providertest.Lost:
		return simulator.LoseReply
	case providertest.Hung:
		return simulator.Hang
	case providertest.Decline:
		return simulator.Decline
	}
	t.Fatalf("the suite has a fault that the simulator does not make: %s", fault)
	return ""
}
