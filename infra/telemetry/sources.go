package telemetry

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"orderflow/commands/aggregate"
	"orderflow/following"
	"orderflow/projections"
	"orderflow/readmodels"
)

// scrapeWait bounds how long a scrape waits for what the views tell.
const scrapeWait = 2 * time.Second

// Sources are read at every scrape. Any may be nil.
type Sources struct {
	Projections func(context.Context) ([]projections.Status, error)
	Sagas       func() map[string]following.Health // by name, of those that run here
	Providers   []Provider
	Simulated   map[string]bool // by kind of provider, of those that the process calls
	Log         func() LogFigures
	Sales       readmodels.Sales
	Fulfilments readmodels.Fulfilments
	Payments    readmodels.Payments
	Deciding    func() map[string]aggregate.Stats // by aggregate
	Queues      func(context.Context) ([]Queue, error)
	Shared      func() SharedFigures
	Clock       func() time.Time // for which day is today; the machine's if nil
}

// Provider is a payment gateway or carrier behind its guard.
type Provider struct {
	Name   string
	Status func() ProviderFigures
}

// ProviderFigures are a guard's figures.
type ProviderFigures struct {
	State       float64 // 0 closed, 0.5 half open, 1 open
	Slots       int     // of the bulkhead
	InUse       int
	Waiting     int     // for a slot
	Failures    int     // among the last calls
	SuccessRate float64 // among the last calls, 0 to 1
}

// Queue is the lag of a consumer group.
type Queue struct {
	Group, Topic string
	Messages     int64         // not acknowledged
	Age          time.Duration // of the oldest of them
}

// SharedFigures are the counts of the shared cache since the start.
type SharedFigures struct {
	Hits, Absent, Older int64            // reads it answered, did not know, or knew too old
	Calls               int64            // tried
	Failures            map[string]int64 // by kind
	Mirrored, Missed    int64            // rows written, and batches that were not
}

// LogFigures are the log's figures.
type LogFigures struct {
	End       int64 // position of the last event
	Queued    int   // appends that wait for a batch
	DiskBytes uint64
}

// sampler asks the sources at each scrape. A source that fails leaves its
// metrics out and is counted; the others are told as ever.
type sampler struct {
	sources Sources
	failed  *prometheus.CounterVec
	d       map[string]*prometheus.Desc

	groups lagClock // how old the views are
}

func newSampler(s Sources) *sampler {
	if s.Clock == nil {
		s.Clock = time.Now
	}
	d := map[string]*prometheus.Desc{}
	for _, m := range sampled() {
		d[m.name] = prometheus.NewDesc(m.name, m.help, m.labels, nil)
	}
	return &sampler{sources: s, d: d, failed: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "orderflow_scrape_failures_total", Help: "Sources of metrics that did not answer.",
	}, []string{"source"})}
}

// Describe implements prometheus.Collector.
func (s *sampler) Describe(out chan<- *prometheus.Desc) {
	for _, d := range s.d {
		out <- d
	}
	s.failed.Describe(out)
}

// Collect implements prometheus.Collector.
func (s *sampler) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeWait)
	defer cancel()
	tell := sink{out: out, d: s.d}
	s.collectViews(ctx, tell)
	s.collectSagas(tell)
	s.collectProviders(tell)
	s.collectToday(ctx, tell)
	s.collectWork(ctx, tell)
	s.collectFleet(ctx, tell)
	s.failed.Collect(out)
}

// sink writes samples by the name of their metric.
type sink struct {
	out chan<- prometheus.Metric
	d   map[string]*prometheus.Desc
}

func (s sink) gauge(name string, v float64, labels ...string) {
	s.out <- prometheus.MustNewConstMetric(s.d[name], prometheus.GaugeValue, v, labels...)
}

func (s sink) counter(name string, v float64, labels ...string) {
	s.out <- prometheus.MustNewConstMetric(s.d[name], prometheus.CounterValue, v, labels...)
}
