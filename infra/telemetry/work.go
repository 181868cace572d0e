package telemetry

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"orderflow/commands"
	"orderflow/domain"
	"orderflow/following"
)

// succeeded is the result of what went well.
const succeeded = "success"

// circuitOpen is the reason of what a breaker refused.
const circuitOpen = "circuit_open"

// Payment is the name of the payment gateway's guard, whose calls are also
// counted under the names of the orders_… metrics.
const Payment = "payment"

type workMetrics struct {
	commands *prometheus.CounterVec
	steps    *prometheus.HistogramVec
	failures *prometheus.CounterVec
	looks    *prometheus.HistogramVec
	missed   *prometheus.CounterVec
	lanes    *prometheus.GaugeVec
	timers   *prometheus.GaugeVec
	holes    *prometheus.CounterVec
	feeds    *prometheus.CounterVec
	stalls   *prometheus.CounterVec
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
		steps:    took("orderflow_saga_step_duration_seconds", "Time of one step of a saga that was done or that failed.", "saga", "step"),
		failures: counter("orderflow_saga_step_failures_total", "Steps that failed, refusals by a provider included, by kind of error.", "saga", "step", "kind"),
		looks:    took("orderflow_saga_look_duration_seconds", "Time of one look of a saga at an order: any number of steps, or none.", "saga"),
		missed:   counter("orderflow_saga_look_failures_total", "Looks that failed and will be repeated, by kind of error.", "saga", "kind"),
		lanes:    gauge("orderflow_saga_lanes_busy", "Orders that a saga works on.", "saga"),
		timers:   gauge("orderflow_saga_timers", "Orders that a saga will look at later.", "saga"),
		holes:    counter("orderflow_saga_incomplete_orders_total", "Orders found to stand still because a stream of them lacks events.", "saga"),
		feeds:    counter("orderflow_saga_feed_failures_total", "Failed subscriptions of a saga, by kind of error and by what is done: retry, rewind or end.", "saga", "kind", "remedy"),
		stalls:   counter("orderflow_saga_feed_stalls_total", "Times that nothing came to a saga although the log held more.", "saga"),
		calls:    took("orderflow_provider_call_duration_seconds", "Time of calls to a provider, queueing included.", "provider", "operation"),
		results:  counter("orderflow_provider_calls_total", "Calls to a provider, by result: success, or the reason of a failure.", "provider", "operation", "result"),
		breakers: counter("orderflow_provider_breaker_changes_total", "Changes of a provider's breaker, by the state it came to.", "provider", "state"),
		paid:     one("orders_payment_success_total", "Captures that succeeded."),
		open:     one("orders_circuit_open_total", "Payments put off because the breaker was open, as the events say: payment.deferred with the reason circuit_open."),
		timeouts: one("orders_payment_timeout_total", "Captures whose answer did not come in time."),
		errors:   one("orders_payment_error_total", "Captures that failed in another way, refusals included."),
	}
}

func (w workMetrics) all() []prometheus.Collector {
	return []prometheus.Collector{w.commands, w.steps, w.failures, w.looks, w.missed, w.lanes, w.timers, w.holes, w.feeds, w.stalls, w.calls, w.results, w.breakers, w.paid, w.open, w.timeouts, w.errors}
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
	m.work.looks.WithLabelValues(saga).Observe(took.Seconds())
	if err != nil {
		m.work.missed.WithLabelValues(saga, domain.KindOf(err).String()).Inc()
	}
}

// Incomplete counts an order that stands still; it is a sagas.Observer's Incomplete.
func (m *Metrics) Incomplete(saga string) { m.work.holes.WithLabelValues(saga).Inc() }

// FeedFailed counts a failed subscription; it is a sagas.Observer's FeedFailed.
func (m *Metrics) FeedFailed(saga string, kind domain.Kind, remedy following.Remedy) {
	m.work.feeds.WithLabelValues(saga, kind.String(), string(remedy)).Inc()
}

// Stalled counts a subscription that fell silent; it is a sagas.Observer's Stalled.
func (m *Metrics) Stalled(saga string) { m.work.stalls.WithLabelValues(saga).Inc() }

// Stepped counts the steps of one saga; what it returns is a sagas.StepObserver.
func (m *Metrics) Stepped(saga string) func(step string, err error, took time.Duration) {
	return func(step string, err error, took time.Duration) {
		m.work.steps.WithLabelValues(saga, step).Observe(took.Seconds())
		if err != nil {
			m.work.failures.WithLabelValues(saga, step, domain.KindOf(err).String()).Inc()
		}
	}
}

// PaymentDeferred counts a recorded payment.Deferred; it is a charging.Saga's
// Deferred. Most are put off without a call, so that the guard cannot count them.
func (m *Metrics) PaymentDeferred(reason string) {
	if reason == circuitOpen {
		m.work.open.Inc()
	}
}

// Lanes returns how busy a saga is; it is a sagas.Observer's Lanes.
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
		case circuitOpen: // counted when it is recorded
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
