package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/simulator"
)

// outcome is a row of the table of what happened: first told, and in the end.
type outcome struct{ first, status, reason string }

// show says what happened, whether the books agree, and where to go on.
func (p *play) show(ctx context.Context, s streams, app *App) error {
	if err := p.showOutcomes(ctx, s); err != nil {
		return err
	}
	if err := app.showBooks(ctx, s); err != nil {
		return err
	}
	if err := app.showHealth(ctx, s); err != nil {
		return err
	}
	return nil
}

func (p *play) showOutcomes(ctx context.Context, s streams) error {
	count, value := map[outcome]int{}, map[outcome]domain.Money{}
	for _, r := range p.answers {
		o, err := p.api.order(ctx, r.OrderID, nil)
		if err != nil {
			return err
		}
		row := outcome{r.Status, o.Status, o.Reason}
		count[row]++
		if value[row], err = value[row].Add(o.Total); err != nil {
			return err
		}
	}
	rows := slices.SortedFunc(maps.Keys(count), func(a, b outcome) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a.first+a.status+a.reason, b.first+b.status+b.reason))
	})
	fmt.Fprintln(s.out)
	t := newTable(s.out, "answered first", "in the end", "because", "orders", "worth")
	for _, row := range rows {
		t.row(row.first, row.status, row.reason, count[row], value[row])
	}
	return t.flush()
}

// showBooks holds the log and the gateway's own ledger against each other.
func (a *App) showBooks(ctx context.Context, s streams) error {
	log, err := replay(ctx, a.Log, func(eventlog.Position, int64) {})
	if err != nil {
		return err
	}
	ledger, err := simulator.ReadLedger(filepath.Join(a.config.simulatorDir(), simulator.LedgerFile))
	if err != nil {
		return err
	}
	if !sameSums(log.CapturedMinor, ledger.Captured) || !sameSums(log.RefundedMinor, ledger.Refunded) || len(ledger.DoubleCharged()) > 0 {
		return domain.Errorf(domain.Internal, "log and gateway disagree: captured %v and %v, refunded %v and %v, charged twice %v",
			log.CapturedMinor, ledger.Captured, log.RefundedMinor, ledger.Refunded, ledger.DoubleCharged())
	}
	fmt.Fprintf(s.out, "\nThe log (%s events) and the gateway's own ledger agree: captured %s, refunded %s, nobody charged twice.\n",
		grouped(log.Events), amount(log.CapturedMinor["GBP"], "GBP"), amount(log.RefundedMinor["GBP"], "GBP"))
	return nil
}

// sameSums compares sums by currency; one that is not there is 0.
func sameSums(a, b map[string]int64) bool {
	for _, sums := range []map[string]int64{a, b} {
		for currency := range sums {
			if a[currency] != b[currency] {
				return false
			}
		}
	}
	return true
}

func (a *App) showHealth(ctx context.Context, s streams) error {
	status, err := a.Follows.Status(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(s.out)
	t := newTable(s.out, "part", "health")
	for _, st := range status {
		t.row("view "+st.Group, fmt.Sprintf("%s, %d events behind", cmp.Or(st.Error, string(st.State)), st.LagEvents))
	}
	t.row("payment gateway", fmt.Sprintf("breaker %s, %d of %d slots in use", a.Gateway.State(), a.Gateway.Status().InUse, a.Gateway.Status().Slots))
	t.row("carrier", fmt.Sprintf("breaker %s, %d of %d slots in use", a.Carrier.State(), a.Carrier.Status().InUse, a.Carrier.Status().Slots))
	return t.flush()
}

func (p *play) showExamples(s streams) {
	if len(p.answers) == 0 {
		return
	}
	id, base := p.answers[0].OrderID, p.api.base
	fmt.Fprintf(s.out, `
Try:
  curl -s %[1]s/v1/orders/%[2]s
  curl -s %[1]s/v1/orders/%[2]s/events
  curl -s -X POST %[1]s/v1/orders -H 'Idempotency-Key: "mine-1"' -H 'Prefer: wait=10' -H 'Content-Type: application/json' \
       -d '{"customer":"you","payment_token":"tok_visa","lines":[{"sku":"MUG-BLUE","quantity":2}]}'
  orderflow audit show --server %[1]s %[2]s
  orderflow order watch --server %[1]s --on %[2]s
`, base, id)
}
