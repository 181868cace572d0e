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

// sagaDrivers connects the three sagas to the log and to the providers, each
// provider behind a guard of its own.
func (a *App) sagaDrivers() []*sagas.Driver {
	hurry := make(chan struct{}, 1)
	gateway := resilience.NewGateway(a.Simulator.Gateway(), resilience.Options{
		Name: telemetry.Payment, OpenFor: a.config.BreakerOpen, Observer: a.providerObserver(telemetry.Payment, hurry),
	})
	carrier := resilience.NewCarrier(a.Simulator.Carrier(), resilience.Options{
		Name: shipping, OpenFor: a.config.BreakerOpen, Observer: a.providerObserver(shipping, nil),
	})
	a.Gateway, a.Carrier = gateway, carrier
	m := a.metrics.Load()
	charge := a.driver(charging.New(charging.Saga{
		Gateway: gateway, GatewayName: providerName, Payments: a.Bus.Payments, Fulfilments: a.Bus.Fulfilments,
		Stepped: m.Stepped(charging.Name), Deferred: m.PaymentDeferred,
	}))
	a.hurry = func(ctx context.Context) error { return hurryAlong(ctx, hurry, charge) }
	return []*sagas.Driver{
		a.driver(fulfilling.New(fulfilling.Saga{
			Bus: a.Bus, Orders: a.Bus.Orders, Payments: a.Bus.Payments, Shipments: a.Bus.Shipments, Fulfilments: a.Bus.Fulfilments,
			Stepped: m.Stepped(fulfilling.Name),
		})),
		charge,
		a.driver(dispatching.New(dispatching.Saga{
			Carrier: carrier, CarrierName: providerName, Orders: a.Bus.Orders, Shipments: a.Bus.Shipments, Fulfilments: a.Bus.Fulfilments,
			Stepped: m.Stepped(dispatching.Name),
		})),
	}
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
