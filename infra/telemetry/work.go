package telemetry

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"orderflow/commands"
	"orderflow/domain"
)

// succeeded is the result of what went well.
const succeeded = "success"

// Payment is the name of the payment gateway's guard, whose calls are also
// counted under the names of the orders_… metrics.
const Payment = "payment"

type workMetrics struct {
	commands *prometheus.CounterVec
	steps    *prometheus.HistogramVec
	failures *prometheus.CounterVec
	lanes    *prometheus.GaugeVec
	timers   *prometheus.GaugeVec
	calls    *prometheus.HistogramVec
	results  *prometheus.CounterVec
	breakers *prometheus.CounterVec

	paid, open, timeouts, errors prometheus.Counter
}

func newWorkMetrics() workMetrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	one := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	}
	took := func(name, help string, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: quick()}, labels)
	}
	return workMetrics{
		commands: counter("orderflow_commands_total", "Commands decided, by name and result: success or the kind of error.", "command", "result"),
		steps:    took("orderflow_saga_step_duration_seconds", "Time of one look of a saga at an order.", "saga"),
		failures: counter("orderflow_saga_step_failures_total", "Looks that failed and will be repeated, by kind of error.", "saga", "kind"),
		lanes:    gauge("orderflow_saga_lanes_busy", "Orders that a saga works on.", "saga"),
		timers:   gauge("orderflow_saga_timers", "Orders that a saga will look at later.", "saga"),
		calls:    took("orderflow_provider_call_duration_seconds", "Time of calls to a provider, queueing included.", "provider", "operation"),
		results:  counter("orderflow_provider_calls_total", "Calls to a provider, by result: success, or the reason of a failure.", "provider", "operation", "result"),
		breakers: counter("orderflow_provider_breaker_changes_total", "Changes of a provider's breaker, by the state it came to.", "provider", "state"),
		paid:     one("orders_payment_success_total", "Captures that succeeded."),
		open:     one("orders_circuit_open_total", "Captures not tried because the breaker was open."),
		timeouts: one("orders_payment_timeout_total", "Captures whose answer did not come in time."),
		errors:   one("orders_payment_error_total", "Captures that failed in another way, refusals included."),
	}
}

func (w workMetrics) all() []prometheus.Collector {
	return []prometheus.Collector{w.commands, w.steps, w.failures, w.lanes, w.timers, w.calls, w.results, w.breakers, w.paid, w.open, w.timeouts, w.errors}
}

// Commanded counts a command; it is a commands.Local's Observe.
func (m *Metrics) Commanded(_ context.Context, c commands.Command, err error) {
	result := succeeded
	if err != nil {
		result = domain.KindOf(err).String()
	}
	m.work.commands.WithLabelValues(c.CommandName(), result).Inc()
}

// Reacted counts a saga's look at an order; it is a sagas.Observer's Reacted.
func (m *Metrics) Reacted(saga string, err error, took time.Duration) {
	m.work.steps.WithLabelValues(saga).Observe(took.Seconds())
	if err != nil {
		m.work.failures.WithLabelValues(saga, domain.KindOf(err).String()).Inc()
	}
}

// Lanes says how busy a saga is; it is a sagas.Observer's Lanes.
func (m *Metrics) Lanes(saga string, busy, timers int) {
	m.work.lanes.WithLabelValues(saga).Set(float64(busy))
	m.work.timers.WithLabelValues(saga).Set(float64(timers))
}

// Called counts the calls to one provider; what it returns is a resilience.Observer's Called.
func (m *Metrics) Called(provider string) func(operation, result string, took time.Duration) {
	return func(operation, result string, took time.Duration) {
		m.work.calls.WithLabelValues(provider, operation).Observe(took.Seconds())
		m.work.results.WithLabelValues(provider, operation, result).Inc()
		if provider != Payment || operation != "capture" {
			return
		}
		switch result {
		case succeeded:
			m.work.paid.Inc()
		case "circuit_open":
			m.work.open.Inc()
		case "timeout":
			m.work.timeouts.Inc()
		default:
			m.work.errors.Inc()
		}
	}
}

// BreakerChanged counts the state a provider's breaker came to.
func (m *Metrics) BreakerChanged(provider, to string) {
	m.work.breakers.WithLabelValues(provider, to).Inc()
}
