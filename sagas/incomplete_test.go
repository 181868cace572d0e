package sagas_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"orderflow/commands"
	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/fulfilment"
	"orderflow/domain/inventory"
	"orderflow/domain/order"
	"orderflow/infra/memory"
	"orderflow/sagas"
	"orderflow/sagas/fulfilling"
)

// An order whose stream was truncated stands still: it is looked at once in
// LastRetry, and reported once; the others go on, and so does it when its events
// are back.
func TestATruncatedStream(t *testing.T) {
	inBubble(t, func(b *bench) {
		var said bytes.Buffer
		b.logger = slog.New(slog.NewTextHandler(&said, nil))
		counted := 0
		b.observer.Incomplete = func(string) { counted++ }
		var whole atomic.Bool
		var mu sync.Mutex
		looks := map[domain.OrderID]int{}
		seen := func(id domain.OrderID) int {
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			return looks[id]
		}
		b.react = func(ctx context.Context, id domain.OrderID, _ bool) (time.Time, error) {
			mu.Lock()
			looks[id]++
			mu.Unlock()
			if id == "cut" && !whole.Load() {
				for _, err := range b.log.Read(ctx, order.Stream(id), 0) {
					if err != nil {
						return time.Time{}, fmt.Errorf("the order cannot be loaded: %w", err)
					}
				}
			}
			return time.Time{}, nil
		}
		b.place("cut")
		b.place("cut")
		b.log.Scavenge(order.Stream("cut"), 2)
		_, stop := b.run()
		b.place("other")
		time.Sleep(10 * sagas.LastRetry)
		synctest.Wait()
		if n := seen("cut"); n < 9 || n > 11 || seen("other") != 1 {
			b.t.Errorf("%d looks in %v, the other had %d", n, 10*sagas.LastRetry, seen("other"))
		}
		// Something comes for it: one look more, and no report.
		e := eventlog.Pending{ID: eventlog.EventID{1}, Type: "order.cancelled.v1", Data: []byte(`{}`)}
		if _, err := b.log.Append(b.t.Context(), order.Stream("cut"), 2, e); err != nil {
			b.t.Fatal(err)
		}
		synctest.Wait()
		text := said.String()
		if n := strings.Count(text, "\n"); n != 1 || counted != 1 || !strings.Contains(text, "level=ERROR") || !strings.Contains(text, "order=cut") || !strings.Contains(text, "restore") {
			b.t.Errorf("counted %d; %d lines: %s", counted, n, text)
		}
		if end, _ := b.log.End(b.t.Context()); b.marks.position() == 0 || b.marks.position() > end {
			b.t.Errorf("the checkpoint is %d of %d", b.marks.position(), end)
		}
		whole.Store(true)
		time.Sleep(2 * sagas.LastRetry)
		synctest.Wait()
		n := seen("cut")
		time.Sleep(10 * sagas.LastRetry)
		synctest.Wait()
		if seen("cut") != n || !strings.Contains(said.String(), "whole again") {
			b.t.Errorf("%d looks after it was restored, want none; said %s", seen("cut")-n, said.String())
		}
		_ = stop()
	})
}

// What the fulfilment saga finds in a truncated order is Incomplete, through all
// layers, and it neither takes money nor cancels because of it.
func TestTheSagaSeesThatAnOrderIsTruncated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := memory.New()
		bus := commands.NewLocal(log, nil)
		defer bus.Close()
		place := commands.PlaceOrder{
			Customer: "c1", IdempotencyKey: "k1", PaymentToken: "tok_visa",
			Lines: []commands.OrderLine{{SKU: "A", Quantity: 1}},
		}
		for _, c := range []commands.Command{
			commands.ListProduct{SKU: "A", Name: "Article", Price: domain.GBP(price)},
			commands.ReceiveStock{Receipt: "r", Units: []inventory.Units{{SKU: "A", Quantity: received}}},
			place,
			commands.CancelOrder{Order: place.OrderID(), Reason: domain.CustomerAsked},
		} {
			if _, err := bus.Send(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
		log.Scavenge(order.Stream(place.OrderID()), 2)
		fresh := commands.NewLocal(log, nil) // which has not read the order before
		defer fresh.Close()
		saga := fulfilling.New(fulfilling.Saga{Bus: fresh, Orders: fresh.Orders, Payments: fresh.Payments, Shipments: fresh.Shipments, Fulfilments: fresh.Fulfilments})
		if _, err := saga.React(t.Context(), place.OrderID(), false); err != nil {
			t.Fatal(err)
		}
		f, _, err := fresh.Fulfilments.Load(t.Context(), fulfilment.Stream(place.OrderID()))
		if err != nil || f.Next() != fulfilment.StepAttention {
			t.Errorf("the fulfilment goes on with %s, %v, and does not ask for attention", f.Next(), err)
		}
	})
}
