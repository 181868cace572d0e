package main

import (
	"context"

	"orderflow/infra/resilience"
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

// sagaDrivers connects the sagas of the process's roles to the log and to the
// providers, each provider behind a guard of its own.
func (a *App) sagaDrivers() (all []*sagas.Driver) {
	if a.config.Roles.drives(fulfilling.Name) {
		all = append(all, a.fulfilling())
	}
	if a.config.Roles.drives(charging.Name) {
		all = append(all, a.charging())
	}
	if a.config.Roles.drives(dispatching.Name) {
		all = append(all, a.dispatching())
	}
	return all
}

func (a *App) fulfilling() *sagas.Driver {
	l := a.local
	return a.driver(fulfilling.New(fulfilling.Saga{
		Bus: a.Bus, Orders: l.Orders, Payments: l.Payments, Shipments: l.Shipments, Fulfilments: l.Fulfilments,
		Stepped: a.metrics.Load().Stepped(fulfilling.Name),
	}))
}

func (a *App) charging() *sagas.Driver {
	closed := make(chan struct{}, 1)
	a.Gateway = resilience.NewGateway(a.Simulator.Gateway(), resilience.Options{
		Name: telemetry.Payment, OpenFor: a.config.BreakerOpen, Observer: a.providerObserver(telemetry.Payment, closed),
	})
	m := a.metrics.Load()
	driver := a.driver(charging.New(charging.Saga{
		Gateway: a.Gateway, GatewayName: providerName, Payments: a.local.Payments, Fulfilments: a.local.Fulfilments,
		Stepped: m.Stepped(charging.Name), Deferred: m.PaymentDeferred,
	}))
	a.hurry = func(ctx context.Context) error { return hurryAlong(ctx, closed, driver) }
	return driver
}

func (a *App) dispatching() *sagas.Driver {
	a.Carrier = resilience.NewCarrier(a.Simulator.Carrier(), resilience.Options{
		Name: shipping, OpenFor: a.config.BreakerOpen, Observer: a.providerObserver(shipping, nil),
	})
	return a.driver(dispatching.New(dispatching.Saga{
		Carrier: a.Carrier, CarrierName: providerName, Orders: a.local.Orders, Shipments: a.local.Shipments, Fulfilments: a.local.Fulfilments,
		Stepped: a.metrics.Load().Stepped(dispatching.Name),
	}))
}

func (a *App) driver(s sagas.Saga) *sagas.Driver {
	return sagas.NewDriver(sagas.Driver{
		Saga: s, Feed: a.Log, Checkpoints: a.checkpoints, Standing: a.Views, Observer: a.sagaObserver(), Logger: a.logger,
	})
}

// hurryAlong looks at the orders that wait for the gateway as soon as its
// breaker has closed, instead of each when its own pause is over.
func hurryAlong(ctx context.Context, closed <-chan struct{}, d *sagas.Driver) error {
	for {
		select {
		case <-closed:
			d.Hurry()
		case <-ctx.Done():
			return nil
		}
	}
}
