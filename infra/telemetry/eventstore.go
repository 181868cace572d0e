package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"orderflow/domain"
)

// storeMetrics are of a log that is kept elsewhere; they stay at 0 for an embedded one.
type storeMetrics struct {
	took        prometheus.Histogram
	pages       prometheus.Counter
	read        prometheus.Counter
	connections prometheus.Counter
	retries     *prometheus.CounterVec
	failures    *prometheus.CounterVec
	drops       *prometheus.CounterVec
}

func newStoreMetrics() storeMetrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	kinds := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	return storeMetrics{
		took: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "orderflow_eventstore_append_duration_seconds", Help: "Time of an append with its repeats.", Buckets: quick(),
		}),
		pages:       counter("orderflow_eventstore_reads_total", "Pages read."),
		read:        counter("orderflow_eventstore_read_events_total", "Events in the pages read."),
		connections: counter("orderflow_eventstore_connections_total", "Times that a node was found."),
		retries:     kinds("orderflow_eventstore_retries_total", "Operations done again, by the kind of the failure before.", "operation", "kind"),
		failures:    kinds("orderflow_eventstore_failures_total", "Operations given up, by kind; a conflict is one.", "operation", "kind"),
		drops:       kinds("orderflow_eventstore_subscription_drops_total", "Subscriptions that ended and went on, by kind.", "kind"),
	}
}

func (s storeMetrics) all() []prometheus.Collector {
	return []prometheus.Collector{s.took, s.pages, s.read, s.connections, s.retries, s.failures, s.drops}
}

// StoreAppended counts an append; it is an eventstoredb.Hooks' Appended.
func (m *Metrics) StoreAppended(events, bytes int, took time.Duration) {
	m.log.appends.Inc()
	m.log.events.Add(float64(events))
	m.log.bytes.Add(float64(bytes))
	m.store.took.Observe(took.Seconds())
}

// StoreRead counts a page.
func (m *Metrics) StoreRead(events int, _ time.Duration) {
	m.store.pages.Inc()
	m.store.read.Add(float64(events))
}

// StoreConnected counts a connection.
func (m *Metrics) StoreConnected() { m.store.connections.Inc() }

// StoreRetried counts an operation that is done again.
func (m *Metrics) StoreRetried(operation string, kind domain.Kind) {
	m.store.retries.WithLabelValues(operation, kind.String()).Inc()
}

// StoreFailed counts an operation that was given up.
func (m *Metrics) StoreFailed(operation string, kind domain.Kind) {
	m.store.failures.WithLabelValues(operation, kind.String()).Inc()
}

// StoreDropped counts a subscription that ended and goes on.
func (m *Metrics) StoreDropped(kind domain.Kind) { m.store.drops.WithLabelValues(kind.String()).Inc() }
