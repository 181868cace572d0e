package node

import (
	"time"

	"orderflow/commands/aggregate"
	"orderflow/domain"
	"orderflow/following"
	"orderflow/infra/eventstoredb"
	"orderflow/infra/httpapi"
	"orderflow/infra/pebblelog"
	"orderflow/infra/resilience"
	"orderflow/infra/telemetry"
	"orderflow/sagas"
)

// newMetrics returns metrics that look at the node's parts when asked.
func (a *App) newMetrics() *telemetry.Metrics {
	sources := telemetry.Sources{
		Projections: a.ViewProgress.Status,
		Sagas:       a.sagaHealth,
		Providers:   a.providers(),
		Simulated:   a.simulatedKinds(),
		Log:         a.logFigures,
		Sales:       a.Views, Fulfilments: a.Views, Payments: a.Views,
		Deciding: func() map[string]aggregate.Stats {
			b := a.local
			return map[string]aggregate.Stats{
				"order": b.Orders.Stats(), "stock": b.Stock.Stats(), "payment": b.Payments.Stats(),
				"shipment": b.Shipments.Stats(), "product": b.Products.Stats(), "fulfilment": b.Fulfilments.Stats(),
			}
		},
	}
	if len(a.Config.Kafka) > 0 {
		sources.Queues = a.queues
	}
	if a.redis != nil {
		sources.Shared = a.sharedFigures
	}
	return telemetry.New(sources)
}

// providers are those that the roles of the process call.
func (a *App) providers() (all []telemetry.Provider) {
	if a.Config.Roles.has(rolePayment) {
		for i, name := range a.Config.Gateways {
			all = append(all, telemetry.Provider{
				Name:   metricName(telemetry.Payment, name, a.Config.Gateways[0]),
				Status: func() telemetry.ProviderFigures { return figures(a.gateways[i].Status()) },
			})
		}
	}
	if a.Config.Roles.has(roleShipping) {
		for i, name := range a.Config.Carriers {
			all = append(all, telemetry.Provider{
				Name:   metricName(shipping, name, a.Config.Carriers[0]),
				Status: func() telemetry.ProviderFigures { return figures(a.carriers[i].Status()) },
			})
		}
	}
	return all
}

func figures(s resilience.Status) telemetry.ProviderFigures {
	state := map[resilience.State]float64{resilience.Closed: 0, resilience.HalfOpen: 0.5, resilience.Open: 1}[s.State]
	return telemetry.ProviderFigures{
		State: state, Slots: s.Slots, InUse: s.InUse, Waiting: s.Waiting, Failures: s.Failures, SuccessRate: s.SuccessRate,
	}
}

// logHooks count what the log does. The log is opened before there are
// metrics; what it does until then is not counted.
func (a *App) logHooks() LogHooks {
	return LogHooks{embedded: a.embeddedHooks(), eventStore: a.eventStoreHooks()}
}

func (a *App) embeddedHooks() pebblelog.Hooks {
	return pebblelog.Hooks{
		Committed: func(appends, events, bytes int, sync time.Duration) {
			if m := a.metrics.Load(); m != nil {
				m.Committed(appends, events, bytes, sync)
			}
		},
		ReadOnly: func(reason string) {
			if m := a.metrics.Load(); m != nil {
				m.ReadOnly(reason)
			}
		},
		Checkpointed: func(position int64) {
			if m := a.metrics.Load(); m != nil {
				m.Checkpointed(position)
			}
		},
	}
}

func (a *App) eventStoreHooks() eventstoredb.Hooks {
	counted := func(count func(*telemetry.Metrics)) {
		if m := a.metrics.Load(); m != nil {
			count(m)
		}
	}
	return eventstoredb.Hooks{
		Appended: func(events, bytes int, took time.Duration) {
			counted(func(m *telemetry.Metrics) { m.StoreAppended(events, bytes, took) })
		},
		Read: func(events int, took time.Duration) {
			counted(func(m *telemetry.Metrics) { m.StoreRead(events, took) })
		},
		Connected: func() { counted((*telemetry.Metrics).StoreConnected) },
		Retried: func(operation string, kind domain.Kind) {
			counted(func(m *telemetry.Metrics) { m.StoreRetried(operation, kind) })
		},
		Failed: func(operation string, kind domain.Kind) {
			counted(func(m *telemetry.Metrics) { m.StoreFailed(operation, kind) })
		},
		Dropped: func(kind domain.Kind) { counted(func(m *telemetry.Metrics) { m.StoreDropped(kind) }) },
	}
}

func (a *App) apiObserver() httpapi.Observer {
	m := a.metrics.Load()
	return httpapi.Observer{Began: m.RequestBegan, Ended: m.RequestEnded, Stream: m.StreamChanged}
}

// sagaHealth is how the sagas that run here keep up with the log.
func (a *App) sagaHealth() map[string]following.Health {
	all := map[string]following.Health{}
	for _, d := range a.Drivers {
		all[d.Saga.Name] = d.Health()
	}
	return all
}

func (a *App) sagaObserver() sagas.Observer {
	m := a.metrics.Load()
	return sagas.Observer{Reacted: m.Reacted, Lanes: m.Lanes, Incomplete: m.Incomplete, FeedFailed: m.FeedFailed, Stalled: m.Stalled}
}

// providerObserver counts the calls to one provider and the changes of its breaker.
func (a *App) providerObserver(provider string) resilience.Observer {
	m := a.metrics.Load()
	return resilience.Observer{
		Called: m.Called(provider),
		BreakerChanged: func(from, to resilience.State) {
			m.BreakerChanged(provider, string(to))
			a.Logger.Warn("circuit breaker", "provider", provider, "from", string(from), "to", string(to))
		},
	}
}
