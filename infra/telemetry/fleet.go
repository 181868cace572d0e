package telemetry

import (
	"context"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"orderflow/domain"
)

// fleetMetrics count what passes between the processes of a fleet.
type fleetMetrics struct {
	commands  *prometheus.CounterVec
	published *prometheus.CounterVec
	handled   *prometheus.CounterVec
	aside     *prometheus.CounterVec
	broken    *prometheus.CounterVec
	again     *prometheus.CounterVec
	tokens    *prometheus.CounterVec
	unknown   *prometheus.CounterVec
	limited   *prometheus.CounterVec
	keys      *prometheus.CounterVec
	unlimited prometheus.Counter
	relayed   prometheus.Gauge
	behind    prometheus.Gauge
}

func newFleetMetrics() fleetMetrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	return fleetMetrics{
		commands:  counter("orderflow_peer_commands_total", "Commands between processes, by direction, name, and the kind of error or ok.", "direction", "command", "result"),
		published: counter("orderflow_messages_published_total", "Messages that brokers acknowledged or refused, by topic and the kind of error or ok.", "topic", "result"),
		handled:   counter("orderflow_messages_handled_total", "Messages that went through their handler, by group and the kind of error or ok.", "group", "result"),
		aside:     counter("orderflow_messages_set_aside_total", "Messages that were set aside, by group and reason.", "group", "reason"),
		broken:    counter("orderflow_group_errors_total", "Sessions that brokers ended or refused, by group and kind.", "group", "kind"),
		again:     counter("orderflow_relay_restarts_total", "Times the relay began again from its checkpoint, by kind.", "kind"),
		tokens:    counter("orderflow_tokens_verified_total", "Good tokens, by whether they had been seen before.", "cached"),
		unknown:   counter("orderflow_unauthenticated_total", "Requests without a good token, by reason.", "reason"),
		limited:   counter("orders_rate_limited", "Requests over a limit, by its policy.", "policy"),
		keys:      counter("orderflow_key_fetches_total", "Fetches of the issuer's key set, by the kind of error or ok.", "result"),
		unlimited: prometheus.NewCounter(prometheus.CounterOpts{Name: "orderflow_limiter_failures_total", Help: "Requests that passed because the limiter did not answer."}),
		relayed:   gauge("orderflow_relay_position", "Up to where brokers have acknowledged the log."),
		behind:    gauge("orderflow_relay_behind_seconds", "Age of the oldest event that no broker has acknowledged."),
	}
}

func (f fleetMetrics) all() []prometheus.Collector {
	return []prometheus.Collector{
		f.commands, f.published, f.handled, f.aside, f.broken, f.again, f.relayed, f.behind,
		f.tokens, f.unknown, f.limited, f.keys, f.unlimited,
	}
}

// resultOf returns the kind of an error, or ok.
func resultOf(err error) string {
	if err == nil {
		return succeeded
	}
	return domain.KindOf(err).String()
}

// PeerCommand counts a command that was sent to or received from another
// process; it is a peers.Observer.
func (m *Metrics) PeerCommand(direction, command, result string) {
	m.fleet.commands.WithLabelValues(direction, command, result).Inc()
}

// MessagePublished counts what became of a message on its way to the brokers.
func (m *Metrics) MessagePublished(topic string, err error) {
	m.fleet.published.WithLabelValues(topic, resultOf(err)).Inc()
}

// MessageHandled counts what became of a message that was received.
func (m *Metrics) MessageHandled(group string, err error) {
	m.fleet.handled.WithLabelValues(group, resultOf(err)).Inc()
}

// MessageSetAside counts a message that could not be read or handled.
func (m *Metrics) MessageSetAside(group, reason string) {
	m.fleet.aside.WithLabelValues(group, reason).Inc()
}

// GroupFailed counts a session that brokers ended or refused.
func (m *Metrics) GroupFailed(group string, err error) {
	m.fleet.broken.WithLabelValues(group, domain.KindOf(err).String()).Inc()
}

// RelayFailed counts that the relay begins again.
func (m *Metrics) RelayFailed(err error) {
	m.fleet.again.WithLabelValues(domain.KindOf(err).String()).Inc()
}

// Relayed notes how far the relay is, and how many seconds behind.
func (m *Metrics) Relayed(position int64, behind float64) {
	m.fleet.relayed.Set(float64(position))
	m.fleet.behind.Set(behind)
}

// Authenticated counts a good token.
func (m *Metrics) Authenticated(cached bool) {
	m.fleet.tokens.WithLabelValues(strconv.FormatBool(cached)).Inc()
}

// Unauthenticated counts a request without one.
func (m *Metrics) Unauthenticated(reason string) { m.fleet.unknown.WithLabelValues(reason).Inc() }

// RateLimited counts a request over a limit.
func (m *Metrics) RateLimited(policy string) { m.fleet.limited.WithLabelValues(policy).Inc() }

// LimiterFailed counts a request that passed because the limiter did not answer.
func (m *Metrics) LimiterFailed() { m.fleet.unlimited.Inc() }

// KeysFetched counts a fetch of the issuer's key set.
func (m *Metrics) KeysFetched(_ int, err error) { m.fleet.keys.WithLabelValues(resultOf(err)).Inc() }

// collectFleet collects the figures of parts that processes share.
func (s *sampler) collectFleet(ctx context.Context, tell sink) {
	if s.sources.Queues != nil {
		queues, err := s.sources.Queues(ctx)
		if err != nil {
			s.failed.WithLabelValues("queues").Inc()
		}
		for _, q := range queues {
			tell.gauge("orderflow_consumer_lag_messages", float64(q.Messages), q.Group, q.Topic)
			tell.gauge("orderflow_consumer_lag_seconds", q.Age.Seconds(), q.Group, q.Topic)
		}
	}
	if s.sources.Shared == nil {
		return
	}
	f := s.sources.Shared()
	tell.counter("orderflow_shared_cache_reads_total", float64(f.Hits), "hit")
	tell.counter("orderflow_shared_cache_reads_total", float64(f.Absent), "absent")
	tell.counter("orderflow_shared_cache_reads_total", float64(f.Older), "older")
	tell.counter("orderflow_shared_cache_calls_total", float64(f.Calls))
	for kind, n := range f.Failures {
		tell.counter("orderflow_shared_cache_failures_total", float64(n), kind)
	}
	tell.counter("orderflow_shared_cache_mirrored_rows_total", float64(f.Mirrored))
	tell.counter("orderflow_shared_cache_missed_batches_total", float64(f.Missed))
}
