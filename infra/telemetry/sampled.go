package telemetry

import (
	"context"
	"math"
	"slices"
	"time"

	"orderflow/following"
	"orderflow/projections"
	"orderflow/readmodels"
)

type sampledMetric struct {
	name, help string
	labels     []string
}

// sampled lists what the sampler tells. The names without orderflow_ are those
// under which the health of the system has always been watched.
func sampled() []sampledMetric {
	group, provider, currency, aggregate := []string{"group"}, []string{"provider"}, []string{"currency"}, []string{"aggregate"}
	return []sampledMetric{
		{"orderflow_projection_lag_events", "Events of a group of views that it has not applied; 1000 stands for that many or more.", group},
		{"orderflow_projection_lag_seconds", "Age of the oldest event that a group of views has not applied; while the log does not answer, the last age and the time since.", group},
		{"orderflow_projection_position", "Up to where a group of views reflects the log.", group},
		{"orderflow_projection_following", "1 while a group of views follows the log, else 0.", group},
		{"orderflow_projection_rebuilding", "1 while a group of views is rebuilt beside the live one.", group},
		{"orderflow_saga_lag_seconds", "Age of the oldest event that a saga has not dealt with; while the log does not answer, the last age and the time since.", []string{"saga"}},
		{"orderflow_saga_quiet_seconds", "How long a saga gets nothing from the log although there is more; 0 while it keeps up.", []string{"saga"}},
		{"orderflow_provider_breaker_state", "0 closed, 0.5 half open, 1 open.", provider},
		{"orderflow_provider_bulkhead_slots", "Calls to a provider that may be under way at once.", provider},
		{"orderflow_provider_bulkhead_in_use", "Calls to a provider that are under way.", provider},
		{"orderflow_provider_bulkhead_waiting", "Callers that wait for a slot.", provider},
		{"orderflow_provider_success_ratio", "Successes among the last calls.", provider},
		{"orderflow_simulated_providers", "1 if providers of a kind are simulated, so that no money or parcel moves, else 0.", []string{"kind"}},
		{"circuit_payment_state", "The payment breaker: 0 closed, 0.5 half open, 1 open.", nil},
		{"circuit_payment_failure_count", "Failures among the last calls to the payment gateway.", nil},
		{"circuit_payment_success_rate", "Successes among the last calls to the payment gateway, 0 to 1.", nil},
		{"bulkhead_payment_available", "Free slots for calls to the payment gateway.", nil},
		{"bulkhead_payment_total", "All slots for calls to the payment gateway.", nil},
		{"bulkhead_payment_utilization", "Share of the slots in use, 0 to 1.", nil},
		{"orders_total_today", "Orders placed today (UTC).", currency},
		{"revenue_total_today", "Revenue, in the currency's major unit, of orders placed today (UTC) and confirmed, before refunds.", currency},
		{"conversion_rate_current", "Orders confirmed over orders placed today (UTC), 0 to 1; 0 before the first.", nil},
		{"orderflow_fulfilments_open", "Orders with work left.", nil},
		{"orderflow_fulfilments_attention", "Orders that wait for a person.", nil},
		{"orderflow_log_end_position", "The position of the last event.", nil},
		{"orderflow_log_appends_queued", "Appends that wait for the next fsync.", nil},
		{"orderflow_log_size_bytes", "The log's size on disk.", nil},
		{"orderflow_decisions_total", "Commands decided, by aggregate.", aggregate},
		{"orderflow_decision_appends_total", "Appends that decisions took; fewer than commands on hot streams.", aggregate},
		{"orderflow_decision_events_total", "Events that decisions appended.", aggregate},
		{"orderflow_decision_conflicts_total", "Appends that found somebody else was first, and were decided again.", aggregate},
		{"orderflow_decision_cache_hits_total", "Streams found live in memory.", aggregate},
		{"orderflow_decision_cache_misses_total", "Streams that had to be read.", aggregate},
		{"orderflow_consumer_lag_messages", "Messages that a group has not acknowledged.", []string{"group", "topic"}},
		{"orderflow_consumer_lag_seconds", "Age of the oldest message that a group has not acknowledged.", []string{"group", "topic"}},
		{"queue_payment_retry_depth", "Orders whose payment waits to be retried.", nil},
		{"queue_payment_retry_lag", "Age of the oldest order whose payment waits to be retried, in milliseconds.", nil},
		{"orderflow_shared_cache_reads_total", "Reads of the shared cache: hit, absent, or older than what was seen.", []string{"result"}},
		{"orderflow_shared_cache_calls_total", "Calls to the shared cache that were tried.", nil},
		{"orderflow_shared_cache_failures_total", "Calls to the shared cache that failed or were not tried, by kind.", []string{"kind"}},
		{"orderflow_shared_cache_mirrored_rows_total", "Rows copied to the shared cache.", nil},
		{"orderflow_shared_cache_missed_batches_total", "Batches of rows that did not get to the shared cache.", nil},
	}
}

func (s *sampler) collectViews(ctx context.Context, tell sink) {
	if s.sources.Projections == nil {
		return
	}
	all, err := s.sources.Projections(ctx)
	if err != nil {
		s.failed.WithLabelValues("projections").Inc()
		for group, lag := range s.groups.unknown(s.sources.Clock()) {
			tell.gauge("orderflow_projection_lag_seconds", lag.Seconds(), group)
		}
		return
	}
	for _, p := range all {
		s.groups.known(p.Group, p.Lag, s.sources.Clock())
		tell.gauge("orderflow_projection_lag_events", float64(p.LagEvents), p.Group)
		tell.gauge("orderflow_projection_lag_seconds", p.Lag.Seconds(), p.Group)
		tell.gauge("orderflow_projection_position", float64(p.Position), p.Group)
		tell.gauge("orderflow_projection_following", yes(p.State == projections.Following), p.Group)
		tell.gauge("orderflow_projection_rebuilding", yes(p.Rebuilding), p.Group)
	}
}

func (s *sampler) collectSagas(tell sink) {
	if s.sources.Sagas == nil {
		return
	}
	for name, h := range s.sources.Sagas() {
		now, lag := s.sources.Clock(), time.Duration(0)
		if !h.Oldest.IsZero() {
			lag = max(0, now.Sub(h.Oldest))
		}
		if since := now.Sub(h.Checked); !h.Checked.IsZero() && since > 2*following.CheckEvery {
			lag = max(lag, since) // the log does not answer
		}
		tell.gauge("orderflow_saga_lag_seconds", lag.Seconds(), name)
		tell.gauge("orderflow_saga_quiet_seconds", h.Quiet.Seconds(), name)
	}
}

func (s *sampler) collectProviders(tell sink) {
	for kind, simulated := range s.sources.Simulated {
		tell.gauge("orderflow_simulated_providers", yes(simulated), kind)
	}
	for _, p := range s.sources.Providers {
		f := p.Status()
		tell.gauge("orderflow_provider_breaker_state", f.State, p.Name)
		tell.gauge("orderflow_provider_bulkhead_slots", float64(f.Slots), p.Name)
		tell.gauge("orderflow_provider_bulkhead_in_use", float64(f.InUse), p.Name)
		tell.gauge("orderflow_provider_bulkhead_waiting", float64(f.Waiting), p.Name)
		tell.gauge("orderflow_provider_success_ratio", f.SuccessRate, p.Name)
		if p.Name != Payment {
			continue
		}
		tell.gauge("circuit_payment_state", f.State)
		tell.gauge("circuit_payment_failure_count", float64(f.Failures))
		tell.gauge("circuit_payment_success_rate", f.SuccessRate)
		tell.gauge("bulkhead_payment_available", float64(f.Slots-f.InUse))
		tell.gauge("bulkhead_payment_total", float64(f.Slots))
		tell.gauge("bulkhead_payment_utilization", ratio(f.InUse, f.Slots))
	}
}

// shopCurrency is told also on a day without sales.
const shopCurrency = "GBP"

// collectToday tells today's business from the views, so from events: a replay gives the same.
func (s *sampler) collectToday(ctx context.Context, tell sink) {
	if s.sources.Sales == nil {
		return
	}
	today := readmodels.Day(s.sources.Clock())
	days, err := s.sources.Sales.Sales(ctx, today, today.AddDate(0, 0, 1))
	if err != nil {
		s.failed.WithLabelValues("sales").Inc()
		return
	}
	const minorPerMajor = 100
	var placed, confirmed int64
	if !slices.ContainsFunc(days, func(d readmodels.SalesDay) bool { return d.Currency == shopCurrency }) {
		days = append(days, readmodels.SalesDay{Currency: shopCurrency}) // nothing sold is 0, and no gap
	}
	for _, d := range days {
		tell.gauge("orders_total_today", float64(d.Placed), d.Currency)
		tell.gauge("revenue_total_today", float64(d.RevenueMinor)/minorPerMajor, d.Currency)
		placed, confirmed = placed+d.Placed, confirmed+d.Orders
	}
	all := readmodels.SalesDay{Placed: placed, Orders: confirmed}
	tell.gauge("conversion_rate_current", all.Conversion())
}

func (s *sampler) collectWork(ctx context.Context, tell sink) {
	if s.sources.Fulfilments != nil {
		open, attention, err := s.sources.Fulfilments.Unfinished(ctx)
		if err != nil {
			s.failed.WithLabelValues("fulfilments").Inc()
		} else {
			tell.gauge("orderflow_fulfilments_open", float64(open))
			tell.gauge("orderflow_fulfilments_attention", float64(attention))
		}
	}
	if s.sources.Payments != nil {
		orders, oldest, err := s.sources.Payments.Waiting(ctx)
		if err != nil {
			s.failed.WithLabelValues("payments").Inc()
		} else {
			var age time.Duration
			if orders > 0 {
				age = s.sources.Clock().Sub(oldest)
			}
			tell.gauge("queue_payment_retry_depth", float64(orders))
			tell.gauge("queue_payment_retry_lag", float64(max(0, age.Milliseconds())))
		}
	}
	if s.sources.Log != nil {
		f := s.sources.Log()
		tell.gauge("orderflow_log_end_position", float64(f.End))
		tell.gauge("orderflow_log_appends_queued", float64(f.Queued))
		tell.gauge("orderflow_log_size_bytes", float64(f.DiskBytes))
	}
	if s.sources.Deciding == nil {
		return
	}
	for name, d := range s.sources.Deciding() {
		tell.counter("orderflow_decisions_total", float64(d.Commands), name)
		tell.counter("orderflow_decision_appends_total", float64(d.Appends), name)
		tell.counter("orderflow_decision_events_total", float64(d.Events), name)
		tell.counter("orderflow_decision_conflicts_total", float64(d.Conflicts), name)
		tell.counter("orderflow_decision_cache_hits_total", float64(d.Hits), name)
		tell.counter("orderflow_decision_cache_misses_total", float64(d.Misses), name)
	}
}

func yes(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func ratio(part, whole int) float64 {
	if whole == 0 {
		return 0
	}
	return math.Min(1, float64(part)/float64(whole))
}
