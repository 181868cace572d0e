package resilience_test

import (
	"path/filepath"
	"sync"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/infra/resilience"
	"orderflow/infra/simulator"
	"orderflow/sagas/charging/chargingtest"
	"orderflow/sagas/dispatching/dispatchingtest"
	"orderflow/sagas/providertest"
)

// simulated is a simulator that tells when it has received a call.
type simulated struct {
	*simulator.Simulator
	ledger string

	mu   sync.Mutex
	next map[simulator.Op]chan struct{}
}

func openSimulated(t *testing.T) *simulated {
	t.Helper()
	dir := t.TempDir()
	p := &simulated{ledger: filepath.Join(dir, simulator.LedgerFile), next: map[simulator.Op]chan struct{}{}}
	var err error
	p.Simulator, err = simulator.Open(dir, simulator.Options{Recorded: func(r simulator.Row) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if c := p.next[r.Op]; c != nil {
			delete(p.next, r.Op)
			close(c)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// fault makes the next call of an operation go wrong.
func (p *simulated) fault(op string, fault providertest.Fault) <-chan struct{} {
	p.Next(simulator.Op(op), simulator.Default, simulator.AnyKey, map[providertest.Fault]simulator.Behaviour{
		providertest.Refused: simulator.Unavailable,
		providertest.Failed:  simulator.Fail,
		providertest.Lost:    simulator.LoseReply,
		providertest.Hung:    simulator.Hang,
		providertest.Decline: simulator.Decline,
	}[fault])
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next[simulator.Op(op)] = make(chan struct{})
	return p.next[simulator.Op(op)]
}

func (p *simulated) sums(t testing.TB) simulator.Summary {
	t.Helper()
	sum, err := simulator.ReadLedger(p.ledger)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// callerPatience is longer than a test takes.
const callerPatience = time.Hour

// patient returns the options of a guard whose timeout does not end what a test lets hang.
func patient() resilience.Options {
	return resilience.Options{Timeout: callerPatience, MaxWait: callerPatience}
}

func TestGuardedGatewayContract(t *testing.T) {
	chargingtest.Run(t, func(t *testing.T) chargingtest.Subject {
		p := openSimulated(t)
		return chargingtest.Subject{
			Gateway:  resilience.NewGateway(p.Gateway(simulator.Default), patient()),
			Next:     p.fault,
			Captures: func(t testing.TB, key string) int { return p.sums(t).Captures[key] },
		}
	})
}

func TestGuardedCarrierContract(t *testing.T) {
	dispatchingtest.Run(t, func(t *testing.T) dispatchingtest.Subject {
		p := openSimulated(t)
		return dispatchingtest.Subject{
			Carrier: resilience.NewCarrier(p.Carrier(simulator.Default), patient()),
			Next:    p.fault,
			Parcels: func(t testing.TB, id domain.OrderID) int {
				a := p.sums(t).Orders[id]
				return a.Bookings - a.Undos
			},
		}
	})
}
