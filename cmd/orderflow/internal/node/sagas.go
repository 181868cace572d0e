package node

import (
	"context"
	"crypto/rand"

	"orderflow/sagas"
	"orderflow/sagas/charging"
	"orderflow/sagas/dispatching"
	"orderflow/sagas/fulfilling"
)

// shipping is the carrier's guard in metrics; the gateway's is telemetry.Payment.
const shipping = "shipping"

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
			driver = a.dispatching(checkpoints)
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
	m := a.metrics.Load()
	driver := a.driver(charging.New(charging.Saga{
		Gateways: a.openGateways(), Claims: a.claims(),
		Orders: a.local.Orders, Payments: a.local.Payments, Fulfilments: a.local.Fulfilments,
		Steps: m.Stepped(charging.Name), Deferred: m.PaymentDeferred,
	}), checkpoints)
	for _, g := range a.gateways {
		a.runs("watch over the breaker of "+g.metric, func(ctx context.Context) error { return g.Watch(ctx, driver) })
	}
	a.retryQueue(driver)
	return driver
}

func (a *App) dispatching(checkpoints sagas.Checkpoints) *sagas.Driver {
	driver := a.driver(dispatching.New(dispatching.Saga{
		Carriers: a.openCarriers(), Claims: a.claims(),
		Orders: a.local.Orders, Shipments: a.local.Shipments, Fulfilments: a.local.Fulfilments,
		Steps: a.metrics.Load().Stepped(dispatching.Name),
	}), checkpoints)
	for _, c := range a.carriers {
		a.runs("watch over the breaker of "+c.metric, func(ctx context.Context) error { return c.Watch(ctx, driver) })
	}
	return driver
}

// claims are this process's. A log in an EventStoreDB may have other processes that call
// providers; the embedded log has this one alone.
func (a *App) claims() sagas.Claims {
	return sagas.Claims{Process: a.process, Shared: a.Config.EventStore != ""}
}

func (a *App) driver(s sagas.Saga, checkpoints sagas.Checkpoints) *sagas.Driver {
	return sagas.NewDriver(sagas.Driver{
		Saga: s, Feed: a.feed(s.Name), Checkpoints: checkpoints, Stalled: a.Views, Observer: a.sagaObserver(), Logger: a.Logger,
	})
}

// newProcess names one start of a process.
func newProcess() string { return rand.Text() }
