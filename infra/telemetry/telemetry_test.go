package telemetry_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"orderflow/commands"
	"orderflow/commands/aggregate"
	"orderflow/domain"
	"orderflow/following"
	"orderflow/infra/telemetry"
	"orderflow/projections"
	"orderflow/readmodels"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// views tell fixed figures, or fail.
type views struct {
	readmodels.Fulfilments
	readmodels.Payments
	sales   []readmodels.SalesDay
	failure error
}

func (v views) Sales(_ context.Context, from, until time.Time) ([]readmodels.SalesDay, error) {
	if !until.Equal(from.AddDate(0, 0, 1)) {
		return nil, errors.New("more than today was asked for")
	}
	return v.sales, v.failure
}

func (v views) Unfinished(context.Context) (open, attention int64, err error) { return 7, 2, v.failure }

// now is the time of the sources' clock.
var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func (v views) Waiting(context.Context) (orders int64, oldest time.Time, err error) {
	return 60, now.Add(-90 * time.Second), v.failure
}

func sources(failure error) telemetry.Sources {
	v := views{failure: failure, sales: []readmodels.SalesDay{
		{Currency: "GBP", Placed: 4, Orders: 3, RevenueMinor: 12_345},
		{Currency: "EUR", Placed: 1, Orders: 1, RevenueMinor: 100},
	}}
	return telemetry.Sources{
		Projections: func(context.Context) ([]projections.Status, error) {
			return []projections.Status{{Group: "orders", State: projections.Following, Position: 90, End: 100, LagEvents: 10, Lag: 1500 * time.Millisecond}}, failure
		},
		Sagas: func() map[string]following.Health {
			return map[string]following.Health{"charging": {CaughtUp: true, Quiet: 12 * time.Second}}
		},
		Providers: []telemetry.Provider{{Name: telemetry.Payment, Status: func() telemetry.ProviderFigures {
			return telemetry.ProviderFigures{State: 1, Slots: 20, InUse: 5, Waiting: 3, Failures: 12, SuccessRate: 0.88}
		}}},
		Simulated: map[string]bool{telemetry.Payment: true, "shipping": false},
		Log:       func() telemetry.LogFigures { return telemetry.LogFigures{End: 100, Queued: 2, DiskBytes: 4_096} },
		Deciding: func() map[string]aggregate.Stats {
			return map[string]aggregate.Stats{"order": {Commands: 9, Appends: 4}}
		},
		Sales:       v,
		Fulfilments: v,
		Payments:    v,
		Queues: func(context.Context) ([]telemetry.Queue, error) {
			return []telemetry.Queue{{Group: "charging", Topic: "orderflow.orders", Messages: 5, Age: 3 * time.Second}}, failure
		},
		Shared: func() telemetry.SharedFigures {
			return telemetry.SharedFigures{Hits: 3, Absent: 2, Older: 1, Calls: 7, Failures: map[string]int64{"unavailable": 1}, Mirrored: 9, Missed: 1}
		},
		Clock: func() time.Time { return now },
	}
}

// TestEverySampledMetricIsCollected gives all sources and looks for every metric that
// the sampler lists: one that is listed and never collected would be missing in silence.
func TestEverySampledMetricIsCollected(t *testing.T) {
	filled := reflect.ValueOf(sources(nil))
	for i := range filled.NumField() {
		if filled.Field(i).IsZero() {
			t.Errorf("the test has no source %s", filled.Type().Field(i).Name)
		}
	}
	_, text := scrape(t, busy(nil), "/metrics")
	for _, name := range telemetry.SampledNames() {
		if !strings.Contains(text, "\n"+name+"{") && !strings.Contains(text, "\n"+name+" ") {
			t.Errorf("%s is listed in sampled and collected by nothing", name)
		}
	}
}

// busy is metrics of a process in which one of everything happened.
func busy(failure error) *telemetry.Metrics {
	m := telemetry.New(sources(failure))
	m.RequestBegan()
	m.RequestBegan()
	m.RequestEnded("GET", "/v1/orders/{id}", http.StatusOK, 3*time.Millisecond)
	m.StreamChanged(1)
	m.Commanded(context.Background(), commands.CancelOrder{}, nil)
	m.Commanded(context.Background(), commands.CancelOrder{}, domain.Errorf(domain.Rejected, "no"))
	m.Reacted("charging", domain.Errorf(domain.Unavailable, "no"), time.Second)
	m.Incomplete("charging")
	m.FeedFailed("charging", domain.Unavailable, following.Retry)
	m.Stalled("charging")
	m.Stepped("charging")("capture", nil, time.Second)
	m.Stepped("charging")("capture", domain.Errorf(domain.Unknown, "no answer"), time.Second)
	m.Stepped("dispatching")("book", nil, time.Second)
	m.PaymentDeferred("circuit_open")
	m.PaymentDeferred("circuit_open")
	m.PaymentDeferred("bulkhead_full")
	m.Lanes("charging", 3, 4)
	m.Called(telemetry.Payment)("capture", "success", time.Millisecond)
	m.Called(telemetry.Payment)("capture", "circuit_open", time.Millisecond)
	m.Called(telemetry.Payment)("capture", "timeout", time.Second)
	m.Called(telemetry.Payment)("capture", "connection_lost", time.Second)
	m.Called("carrier")("book", "success", time.Millisecond)
	m.BreakerChanged(telemetry.Payment, "open")
	m.Committed(8, 16, 1_000, time.Millisecond)
	m.ReadOnly("the disk is nearly full")
	m.Checkpointed(64)
	return m
}

func TestLint(t *testing.T) {
	// These names are kept as they have always been watched.
	kept := []string{"circuit_payment_failure_count", "bulkhead_payment_total"}
	found, err := testutil.GatherAndLint(busy(nil).Registry())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range found {
		if !slices.Contains(kept, p.Metric) {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

func scrape(t *testing.T, m *telemetry.Metrics, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), http.MethodGet, path, nil))
	body, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(body)
}

func TestEverythingIsTold(t *testing.T) {
	code, text := scrape(t, busy(nil), "/metrics")
	if code != http.StatusOK {
		t.Fatalf("status %d: %s", code, text)
	}
	for _, line := range []string{
		`orderflow_http_requests_total{method="GET",route="/v1/orders/{id}",status="200"} 1`,
		`orderflow_http_request_duration_seconds_count{method="GET",route="/v1/orders/{id}"} 1`,
		`orderflow_http_requests_in_flight 1`,
		`orderflow_http_watchers 1`,
		`orderflow_commands_total{command="cancel_order",result="rejected"} 1`,
		`orderflow_commands_total{command="cancel_order",result="success"} 1`,
		`orderflow_saga_step_failures_total{kind="unknown",saga="charging",step="capture"} 1`,
		`orderflow_saga_step_duration_seconds_count{saga="charging",step="capture"} 2`,
		`orderflow_saga_step_duration_seconds_sum{saga="dispatching",step="book"} 1`,
		`orderflow_saga_look_failures_total{kind="unavailable",saga="charging"} 1`,
		`orderflow_saga_look_duration_seconds_sum{saga="charging"} 1`,
		`orderflow_saga_lanes_busy{saga="charging"} 3`,
		`orderflow_saga_timers{saga="charging"} 4`,
		`orderflow_provider_calls_total{operation="book",provider="carrier",result="success"} 1`,
		`orderflow_provider_breaker_changes_total{provider="payment",state="open"} 1`,
		`orders_payment_success_total 1`,
		`orders_circuit_open_total 2`,
		`orders_payment_timeout_total 1`,
		`orders_payment_error_total 1`,
		`orderflow_log_appends_total 8`,
		`orderflow_log_events_total 16`,
		`orderflow_log_written_bytes_total 1000`,
		`orderflow_log_group_appends_bucket{le="8"} 1`,
		`orderflow_log_read_only 1`,
		`orderflow_log_checkpoint_position 64`,
		`orderflow_projection_lag_events{group="orders"} 10`,
		`orderflow_projection_lag_seconds{group="orders"} 1.5`,
		`orderflow_projection_following{group="orders"} 1`,
		`orderflow_saga_quiet_seconds{saga="charging"} 12`,
		`orderflow_saga_lag_seconds{saga="charging"} 0`,
		`orderflow_saga_incomplete_orders_total{saga="charging"} 1`,
		`orderflow_saga_feed_failures_total{kind="unavailable",remedy="retry",saga="charging"} 1`,
		`orderflow_saga_feed_stalls_total{saga="charging"} 1`,
		`orderflow_simulated_providers{kind="payment"} 1`,
		`orderflow_simulated_providers{kind="shipping"} 0`,
		`circuit_payment_state 1`,
		`circuit_payment_failure_count 12`,
		`circuit_payment_success_rate 0.88`,
		`bulkhead_payment_available 15`,
		`bulkhead_payment_total 20`,
		`bulkhead_payment_utilization 0.25`,
		`orders_total_today{currency="GBP"} 4`,
		`revenue_total_today{currency="GBP"} 123.45`,
		`conversion_rate_current 0.8`,
		`orderflow_fulfilments_open 7`,
		`orderflow_fulfilments_attention 2`,
		`queue_payment_retry_depth 60`,
		`queue_payment_retry_lag 90000`,
		`orderflow_decisions_total{aggregate="order"} 9`,
		`orderflow_decision_appends_total{aggregate="order"} 4`,
		`orderflow_log_end_position 100`,
		`orderflow_log_size_bytes 4096`,
	} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("missing: %s", line)
		}
	}
}

func TestFailedSourceHidesNothingElse(t *testing.T) {
	code, text := scrape(t, busy(errors.New("views are away")), "/metrics")
	if code != http.StatusOK {
		t.Fatalf("status %d: %s", code, text)
	}
	for _, source := range []string{"projections", "sales", "fulfilments", "payments"} {
		if !strings.Contains(text, `orderflow_scrape_failures_total{source="`+source+`"} 1`) {
			t.Errorf("the failure of %s is not counted", source)
		}
	}
	if !strings.Contains(text, "circuit_payment_state 1") || strings.Contains(text, "orders_total_today") {
		t.Error("a failed source hides others, or tells figures")
	}
}

// On a day without sales the figures are 0: a gap would look like a node that
// does not tell.
func TestADayWithoutSales(t *testing.T) {
	for name, sold := range map[string][]readmodels.SalesDay{
		"none at all":          nil,
		"none in the shop's":   {{Currency: "EUR", Placed: 2, Orders: 0}},
		"one, not yet decided": {{Currency: "GBP", Placed: 0}},
	} {
		t.Run(name, func(t *testing.T) {
			_, text := scrape(t, telemetry.New(telemetry.Sources{Sales: views{sales: sold}}), "/metrics")
			for _, line := range []string{
				`orders_total_today{currency="GBP"} 0`, `revenue_total_today{currency="GBP"} 0`, `conversion_rate_current 0`,
			} {
				if strings.Count(text, "\n"+line+"\n") != 1 {
					t.Errorf("missing: %s", line)
				}
			}
		})
	}
}

func TestNoSourcesAtAll(t *testing.T) {
	if code, text := scrape(t, telemetry.New(telemetry.Sources{}), "/metrics"); code != http.StatusOK {
		t.Fatalf("status %d: %s", code, text)
	}
}

func TestProfiles(t *testing.T) {
	m := telemetry.New(telemetry.Sources{})
	if code, _ := scrape(t, m, "/debug/pprof/"); code != http.StatusOK {
		t.Errorf("profiles: status %d", code)
	}
	if code, _ := scrape(t, m, "/"); code != http.StatusNotFound {
		t.Errorf("anything else: status %d", code)
	}
}

// While the log does not answer, the lag of views and sagas goes on growing.
func TestLagGrowsInAnOutage(t *testing.T) {
	at, failure := now, error(nil)
	health := following.Health{CaughtUp: true, Checked: now}
	m := telemetry.New(telemetry.Sources{
		Clock: func() time.Time { return at },
		Projections: func(context.Context) ([]projections.Status, error) {
			return []projections.Status{{Group: "orders", State: projections.Following, Lag: 2 * time.Second}}, failure
		},
		Sagas: func() map[string]following.Health { return map[string]following.Health{"charging": health} },
	})
	told := func(lines ...string) {
		t.Helper()
		_, text := scrape(t, m, "/metrics")
		for _, line := range lines {
			if !strings.Contains(text, "\n"+line+"\n") {
				t.Errorf("%s: missing: %s", at.Sub(now), line)
			}
		}
	}
	told(`orderflow_projection_lag_seconds{group="orders"} 2`, `orderflow_saga_lag_seconds{saga="charging"} 0`)
	at, failure = now.Add(40*time.Second), errors.New("no answer")
	told(`orderflow_projection_lag_seconds{group="orders"} 42`, `orderflow_saga_lag_seconds{saga="charging"} 40`)
	failure, health.Checked = nil, at
	told(`orderflow_projection_lag_seconds{group="orders"} 2`, `orderflow_saga_lag_seconds{saga="charging"} 0`)
}
