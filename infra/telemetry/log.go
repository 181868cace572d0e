package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type logMetrics struct {
	appends, events, bytes prometheus.Counter
	group                  prometheus.Histogram
	sync                   prometheus.Histogram
	readOnly               prometheus.Gauge
	checkpoint             prometheus.Gauge
}

func newLogMetrics() logMetrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	const maxGroup = 11 // powers of two up to 1,024 appends
	return logMetrics{
		appends: counter("orderflow_log_appends_total", "Appends on disk."),
		events:  counter("orderflow_log_events_total", "Events on disk."),
		bytes:   counter("orderflow_log_written_bytes_total", "Bytes of events written."),
		group: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "orderflow_log_group_appends", Help: "Appends that shared one fsync.", Buckets: prometheus.ExponentialBuckets(1, 2, maxGroup),
		}),
		sync: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "orderflow_log_sync_duration_seconds", Help: "Time of one fsync of the log.", Buckets: quick(),
		}),
		readOnly: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "orderflow_log_read_only", Help: "1 while the log takes no appends.",
		}),
		checkpoint: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "orderflow_log_checkpoint_position", Help: "The position of the last signed checkpoint.",
		}),
	}
}

func (l logMetrics) all() []prometheus.Collector {
	return []prometheus.Collector{l.appends, l.events, l.bytes, l.group, l.sync, l.readOnly, l.checkpoint}
}

// Committed counts one batch on disk; it is a pebblelog.Hooks' Committed.
func (m *Metrics) Committed(appends, events, bytes int, sync time.Duration) {
	m.log.appends.Add(float64(appends))
	m.log.events.Add(float64(events))
	m.log.bytes.Add(float64(bytes))
	m.log.group.Observe(float64(appends))
	m.log.sync.Observe(sync.Seconds())
}

// ReadOnly says why the log takes no appends, or with an empty reason that it does.
func (m *Metrics) ReadOnly(reason string) {
	if reason == "" {
		m.log.readOnly.Set(0)
		return
	}
	m.log.readOnly.Set(1)
}

// Checkpointed returns where the last signed checkpoint is.
func (m *Metrics) Checkpointed(position int64) { m.log.checkpoint.Set(float64(position)) }
