package demo

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"orderflow/cmd/orderflow/internal/audit"
	"orderflow/cmd/orderflow/internal/node"
	"orderflow/cmd/orderflow/internal/terminal"
	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/simulator"
)

// outcome is a row of the table of what happened: first told, and in the end.
type outcome struct{ first, status, reason string }

// show says what happened, whether the books agree, and where to go on.
func (p *play) show(ctx context.Context, s terminal.Streams, app *node.App) error {
	if err := p.showOutcomes(ctx, s); err != nil {
		return err
	}
	if err := showBooks(ctx, app, s); err != nil {
		return err
	}
	if err := showHealth(ctx, app, s); err != nil {
		return err
	}
	return nil
}

func (p *play) showOutcomes(ctx context.Context, s terminal.Streams) error {
	count, value := map[outcome]int{}, map[outcome]domain.Money{}
	for _, r := range p.answers {
		o, err := p.api.Order(ctx, r.OrderID, nil)
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
	fmt.Fprintln(s.Out)
	t := terminal.NewTable(s.Out, "answered first", "in the end", "because", "orders", "worth")
	for _, row := range rows {
		t.Row(row.first, row.status, row.reason, count[row], value[row])
	}
	return t.Flush()
}

// showBooks holds the log and the gateway's own ledger against each other.
func showBooks(ctx context.Context, a *node.App, s terminal.Streams) error {
	log, err := audit.Replay(ctx, a.Log, func(eventlog.Position, int64) {})
	if err != nil {
		return err
	}
	ledger, err := simulator.ReadLedger(filepath.Join(a.Config.SimulatorDir(), simulator.LedgerFile))
	if err != nil {
		return err
	}
	if !SameSums(log.CapturedMinor, ledger.Captured) || !SameSums(log.RefundedMinor, ledger.Refunded) || len(ledger.DoubleCharged()) > 0 {
		return domain.Errorf(domain.Internal, "log and gateway disagree: captured %v and %v, refunded %v and %v, charged twice %v",
			log.CapturedMinor, ledger.Captured, log.RefundedMinor, ledger.Refunded, ledger.DoubleCharged())
	}
	fmt.Fprintf(s.Out, "\nThe log (%s events) and the gateway's own ledger agree: captured %s, refunded %s, nobody charged twice.\n",
		terminal.Grouped(log.Events), terminal.Amount(log.CapturedMinor["GBP"], "GBP"), terminal.Amount(log.RefundedMinor["GBP"], "GBP"))
	return nil
}

// SameSums compares sums by currency; one that is not there is 0.
func SameSums(a, b map[string]int64) bool {
	for _, sums := range []map[string]int64{a, b} {
		for currency := range sums {
			if a[currency] != b[currency] {
				return false
			}
		}
	}
	return true
}

func showHealth(ctx context.Context, a *node.App, s terminal.Streams) error {
	status, err := a.ViewProgress.Status(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(s.Out)
	t := terminal.NewTable(s.Out, "part", "health")
	for _, st := range status {
		t.Row("view "+st.Group, fmt.Sprintf("%s, %d events behind", cmp.Or(st.Error, string(st.State)), st.LagEvents))
	}
	t.Row("payment gateway", fmt.Sprintf("breaker %s, %d of %d slots in use", a.Gateway().State(), a.Gateway().Status().InUse, a.Gateway().Status().Slots))
	t.Row("carrier", fmt.Sprintf("breaker %s, %d of %d slots in use", a.Carrier().State(), a.Carrier().Status().InUse, a.Carrier().Status().Slots))
	return t.Flush()
}

func (p *play) showExamples(s terminal.Streams) {
	if len(p.answers) == 0 {
		return
	}
	id, base := p.answers[0].OrderID, p.api.Base
	fmt.Fprintf(s.Out, `
Try:
  curl -s %[1]s/v1/orders/%[2]s
  curl -s %[1]s/v1/orders/%[2]s/events
  curl -s -X POST %[1]s/v1/orders -H 'Idempotency-Key: "mine-1"' -H 'Prefer: wait=10' -H 'Content-Type: application/json' \
       -d '{"customer":"you","payment_token":"tok_visa","lines":[{"sku":"MUG-BLUE","quantity":2}]}'
  orderflow audit show --server %[1]s %[2]s
  orderflow order watch --server %[1]s --on %[2]s
`, base, id)
}
