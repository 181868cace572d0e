// Package telemetry is what an operator sees of a process: metrics for
// Prometheus, and profiles, on a listener of their own.
//
// The parts of the system know nothing of it: each takes an observer of plain
// funcs, and the methods of [Metrics] are such funcs. What can be asked when
// a scrape comes (lag, breakers, today's sales) comes from [Sources].
//
// Names follow Prometheus: base units, _total for counters, orderflow_ before
// our own. Labels are routes, kinds and names of parts, never of customers or
// orders, so that their number is bounded.
package telemetry

import (
	"net/http"
	"net/http/pprof"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics counts what happens in one process. Its methods are safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	http     httpMetrics
	work     workMetrics
	log      logMetrics
	store    storeMetrics
	fleet    fleetMetrics
}

// New returns metrics that also show what sources tell when asked.
func New(s Sources) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), http: newHTTPMetrics(), work: newWorkMetrics(), log: newLogMetrics(), store: newStoreMetrics(), fleet: newFleetMetrics()}
	m.registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collectors.NewBuildInfoCollector(),
		newSampler(s),
	)
	m.registry.MustRegister(m.http.all()...)
	m.registry.MustRegister(m.work.all()...)
	m.registry.MustRegister(m.log.all()...)
	m.registry.MustRegister(m.store.all()...)
	m.registry.MustRegister(m.fleet.all()...)
	return m
}

// Registry holds all metrics, for tests and for further collectors.
func (m *Metrics) Registry() *prometheus.Registry { return m.registry }

// maxScrapes bounds the scrapes at once; each asks the views.
const maxScrapes = 4

// Handler serves /metrics and /debug/pprof/. It authenticates no callers: give it to
// a listener that only the operator reaches.
func (m *Metrics) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		Registry: m.registry, MaxRequestsInFlight: maxScrapes, ErrorHandling: promhttp.ContinueOnError,
	}))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

// quick returns the bounds, in seconds, of what takes microseconds to seconds.
func quick() []float64 {
	return []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
}
