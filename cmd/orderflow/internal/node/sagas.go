package node

import (
	"context"

	"orderflow/infra/resilience"
	"orderflow/infra/simulator"
	"orderflow/infra/telemetry"
	"orderflow/sagas"
	"orderflow/sagas/charging"
	"orderflow/sagas/dispatching"
	"orderflow/sagas/fulfilling"
)

const (
	// providerName is the gateway's and the carrier's, as events record them.
	providerName = "simulator"
	// shipping is the carrier's guard in metrics; the gateway's is telemetry.Payment.
	shipping = "shipping"
)

// sagaDrivers connects the sagas of the process's roles to what wakes them and
// to the providers, each provider behind a guard of its own.
func (a *App) sagaDrivers(ctx context.Context) (all []*sagas.Driver, err error) {
	for _, d := range a.Config.Roles.duties() {
		if d.saga == "" {
			continue
		}
		checkpoints, err := a.backend.checkpoints(ctx, string(d.role))
		if err != nil {
			return nil, err
		}
		var driver *sagas.Driver
		switch d.saga {
		case fulfilling.Name:
			driver = a.driver(a.fulfilling(), checkpoints)
		case charging.Name:
			driver = a.charging(checkpoints)
		case dispatching.Name:
			driver = a.driver(a.dispatching(), checkpoints)
		}
		all = append(all, driver)
	}
	return all, nil
}

func (a *App) fulfilling() sagas.Saga {
	l := a.local
	return fulfilling.New(fulfilling.Saga{
		Bus: a.Bus, Orders: l.Orders, Payments: l.Payments, Shipments: l.Shipments, Fulfilments: l.Fulfilments,
		Steps: a.metrics.Load().Stepped(fulfilling.Name),
	})
}

func (a *App) charging(checkpoints sagas.Checkpoints) *sagas.Driver {
	closed := make(chan struct{}, 1)
	a.Gateway = resilience.NewGateway(a.Simulator.Gateway(simulator.Default), resilience.Options{
		Name: telemetry.Payment, OpenFor: a.Config.BreakerOpen, Observer: a.providerObserver(telemetry.Payment, closed),
	})
	m := a.metrics.Load()
	driver := a.driver(charging.New(charging.Saga{
		Gateway: a.Gateway, GatewayName: providerName, Orders: a.local.Orders, Payments: a.local.Payments, Fulfilments: a.local.Fulfilments,
		Steps: m.Stepped(charging.Name), Deferred: m.PaymentDeferred,
	}), checkpoints)
	a.runs("watch over the gateway's breaker", func(ctx context.Context) error { return hurryAlong(ctx, closed, driver) })
	a.retryQueue(driver)
	return driver
}

func (a *App) dispatching() sagas.Saga {
	a.Carrier = resilience.NewCarrier(a.Simulator.Carrier(simulator.Default), resilience.Options{
		Name: shipping, OpenFor: a.Config.BreakerOpen, Observer: a.providerObserver(shipping, nil),
	})
	return dispatching.New(dispatching.Saga{
		Carrier: a.Carrier, CarrierName: providerName, Orders: a.local.Orders, Shipments: a.local.Shipments, Fulfilments: a.local.Fulfilments,
		Steps: a.metrics.Load().Stepped(dispatching.Name),
	})
}

func (a *App) driver(s sagas.Saga, checkpoints sagas.Checkpoints) *sagas.Driver {
	return sagas.NewDriver(sagas.Driver{
		Saga: s, Feed: a.feed(s.Name), Checkpoints: checkpoints, Stalled: a.Views, Observer: a.sagaObserver(), Logger: a.Logger,
	})
}

// hurryAlong looks at the orders that wait for the gateway as soon as its
// breaker has closed, instead of each when its own pause is over.
func hurryAlong(ctx context.Context, closed <-chan struct{}, d *sagas.Driver) error {
	for {
		select {
		case <-closed:
			d.RetryAll()
		case <-ctx.Done():
			return nil
		}
	}
}
