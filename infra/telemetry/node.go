package telemetry

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Node counts what an event store does for its clients; its methods are an
// esdbserver.Hooks.
type Node struct {
	calls       *prometheus.CounterVec
	took        *prometheus.HistogramVec
	events      prometheus.Counter
	bytes       prometheus.Counter
	subscribers prometheus.Gauge
	scavenging  prometheus.Gauge
	scavenges   *prometheus.CounterVec
	removed     prometheus.Counter
	saved       prometheus.Counter
}

// NewNode adds the metrics of a node to m.
func NewNode(m *Metrics) *Node {
	n := &Node{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "orderflow_eventstore_node_calls_total", Help: "Calls of clients that ended, by method and gRPC code.",
		}, []string{"method", "code"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "orderflow_eventstore_node_call_duration_seconds", Help: "Time from the start of a call to its end, by method.", Buckets: quick(),
		}, []string{"method"}),
		events: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "orderflow_eventstore_node_appended_events_total", Help: "Events of appends that succeeded, repeats included.",
		}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "orderflow_eventstore_node_appended_bytes_total", Help: "Bytes of those events: data, metadata and types.",
		}),
		subscribers: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "orderflow_eventstore_node_subscribers", Help: "Catch-up subscriptions that are open.",
		}),
		scavenging: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "orderflow_eventstore_node_scavenging", Help: "Scavenges that are under way, 0 or 1.",
		}),
		scavenges: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "orderflow_eventstore_node_scavenges_total", Help: "Scavenges that ended, by result: Success, Stopped or Errored.",
		}, []string{"result"}),
		removed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "orderflow_eventstore_node_scavenged_events_total", Help: "Events that scavenges removed.",
		}),
		saved: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "orderflow_eventstore_node_scavenged_bytes_total", Help: "Bytes by which scavenges that were completed made the log smaller.",
		}),
	}
	m.Registry().MustRegister(n.calls, n.took, n.events, n.bytes, n.subscribers, n.scavenging, n.scavenges, n.removed, n.saved)
	return n
}

// Called counts a call; a method is what the node registered, so their number
// is bounded.
func (n *Node) Called(method, code string, took time.Duration) {
	method = strings.TrimPrefix(method, "/event_store.client.")
	n.calls.WithLabelValues(method, code).Inc()
	n.took.WithLabelValues(method).Observe(took.Seconds())
}

// Appended counts what an append stored.
func (n *Node) Appended(events, bytes int) {
	n.events.Add(float64(events))
	n.bytes.Add(float64(bytes))
}

// Subscribed counts subscribers that come (+1) and go (-1).
func (n *Node) Subscribed(delta int) { n.subscribers.Add(float64(delta)) }

// Scavenging counts scavenges that begin (+1) and end (-1).
func (n *Node) Scavenging(delta int) { n.scavenging.Add(float64(delta)) }

// Removed counts events that a scavenge has just removed.
func (n *Node) Removed(events int64) { n.removed.Add(float64(events)) }

// Scavenged counts a scavenge that ended; its events are counted by Removed.
func (n *Node) Scavenged(result string, _, bytes int64) {
	n.scavenges.WithLabelValues(result).Inc()
	n.saved.Add(float64(bytes))
}
