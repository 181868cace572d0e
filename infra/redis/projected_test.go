package redis_test

import (
	"context"
	"fmt"
	"testing"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/deploy/servicestest"
	"orderflow/infra/memory"
	"orderflow/infra/redis"
	"orderflow/infra/sqlite"
	"orderflow/projections"
	"orderflow/projections/projectionstest"
)

// TestRedisAnswersAsTheViewDoes lets a runner project a history into SQLite
// and Redis, and asks both.
func TestRedisAnswersAsTheViewDoes(t *testing.T) {
	onBoth(t, func(t *testing.T, urls []string) {
		prefix := servicestest.Prefix()
		projector, reader := openAs(t, prefix, patient, urls...), openAs(t, prefix, patient, urls...)
		log := memory.New()
		v, err := sqlite.Open(t.Context(), t.TempDir(), quiet())
		if err != nil {
			t.Fatal(err)
		}
		runner := projections.NewRunner(projections.Config{Log: log, Views: v, Mirror: projector.Mirror(), Logger: quiet()})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- runner.Run(ctx) }()
		defer func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
			if err := v.Close(); err != nil {
				t.Error(err)
			}
		}()
		h := &projectionstest.History{T: t, Log: log}
		last := h.Append(projectionstest.Stocked()...)
		var ids []domain.OrderID
		for i := range 60 {
			o := projectionstest.Order{Number: i, Lines: 1 + i%5}
			ids = append(ids, o.ID())
			switch i % 4 {
			case 0:
				last = h.Append(o.Confirmed()...)
			case 1:
				last = h.Append(o.Rejected()...)
			case 2:
				last = h.Append(o.Waiting(o.PlacedAt())...)
			case 3:
				h.Append(o.Confirmed()...)
				h.Append(o.ReturnAsked()...)
				last = h.Append(o.Returned()...)
			}
		}
		caughtUp(t, runner, last)
		compare(t, v, projector, reader, ids)

		for _, g := range []string{projections.Orders, projections.Stock} {
			if _, err := runner.Rebuild(t.Context(), g, nil); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, "out of sight after the rebuild", func() bool {
			_, err := reader.Orders(nowhere{}, nil).Order(context.Background(), ids[0])
			return err != nil
		})
		for i := range 60 {
			if o := (projectionstest.Order{Number: i, Lines: 1 + i%5}); i%4 == 0 {
				h.Append(o.CancelAsked()...)
				last = h.Append(o.Cancelled()...)
			}
		}
		caughtUp(t, runner, last)
		var cancelled []domain.OrderID
		for i := 0; i < len(ids); i += 4 {
			cancelled = append(cancelled, ids[i])
		}
		compare(t, v, projector, reader, cancelled)
	})
}

func caughtUp(t *testing.T, r *projections.Runner, at eventlog.Position) {
	t.Helper()
	for _, g := range projections.Groups() {
		if err := r.Await(t.Context(), g.Name, at); err != nil {
			t.Fatal(err)
		}
	}
}

// compare waits until Redis stands where the view does, and wants every answer
// from Redis to be the view's.
func compare(t *testing.T, v *sqlite.Views, projector, reader *redis.Redis, ids []domain.OrderID) {
	t.Helper()
	orders, stocks := reader.Orders(nowhere{}, nil), reader.Stocks(nowhere{}, nil)
	for _, id := range ids {
		want, err := v.Order(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprintf("%+v", want)
		eventually(t, "the newest "+string(id), func() bool {
			have, err := orders.Order(context.Background(), id)
			return err == nil && fmt.Sprintf("%+v", have) == text
		})
		for _, l := range want.Lines {
			s, err := v.Stock(t.Context(), want.Warehouse, l.SKU)
			if err != nil {
				t.Fatal(err)
			}
			eventually(t, "the newest "+string(l.SKU), func() bool {
				have, err := stocks.Stock(context.Background(), want.Warehouse, l.SKU)
				figures, failed := reader.Available().Read(context.Background(), want.Warehouse, l.SKU)
				return err == nil && failed == nil && have == s && figures[l.SKU] == s.Available()
			})
		}
	}
	if s := projector.Stats(); s.Missed != 0 || s.Dropped != 0 {
		t.Errorf("something was lost on a healthy Redis: %+v", s)
	}
}
