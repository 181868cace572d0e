package telemetry

import (
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type httpMetrics struct {
	took     *prometheus.HistogramVec
	answered *prometheus.CounterVec
	inFlight prometheus.Gauge
	streams  prometheus.Gauge
	known    *sync.Map // route → *routeMetrics
}

// routeMetrics are the metrics of one method, route and status, found without hashing labels.
type routeMetrics struct {
	took     prometheus.Observer
	answered prometheus.Counter
}

type routeKey struct {
	method, route string
	status        int
}

func newHTTPMetrics() httpMetrics {
	return httpMetrics{
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "orderflow_http_request_duration_seconds", Help: "Time to answer a request, by route pattern.", Buckets: quick(),
		}, []string{"method", "route"}),
		answered: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "orderflow_http_requests_total", Help: "Requests answered, by route pattern and status.",
		}, []string{"method", "route", "status"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "orderflow_http_requests_in_flight", Help: "Requests that are being answered, watchers included.",
		}),
		streams: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "orderflow_http_watchers", Help: "Clients that watch an order.",
		}),
		known: &sync.Map{},
	}
}

func (h httpMetrics) all() []prometheus.Collector {
	return []prometheus.Collector{h.took, h.answered, h.inFlight, h.streams}
}

// RequestBegan counts a request that arrived.
func (m *Metrics) RequestBegan() { m.http.inFlight.Inc() }

// RequestEnded counts an answer. The route is a pattern, never a path.
func (m *Metrics) RequestEnded(method, route string, status int, took time.Duration) {
	m.http.inFlight.Dec()
	key := routeKey{method, route, status}
	found, ok := m.http.known.Load(key)
	if !ok {
		found, _ = m.http.known.LoadOrStore(key, &routeMetrics{
			took:     m.http.took.WithLabelValues(method, route),
			answered: m.http.answered.WithLabelValues(method, route, strconv.Itoa(status)),
		})
	}
	of := found.(*routeMetrics)
	of.took.Observe(took.Seconds())
	of.answered.Inc()
}

// StreamChanged counts watchers that come (+1) and go (-1).
func (m *Metrics) StreamChanged(delta int) { m.http.streams.Add(float64(delta)) }
