package redis_test

import (
	"context"
	"sync"
	"testing"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/redis"
	"orderflow/infra/sqlite"
	"orderflow/projections"
	"orderflow/projections/projectionstest"
	"orderflow/readmodels"
	"orderflow/readmodels/readmodelstest"
)

// before is SQLite with Redis in front of it, and counts who was asked.
type before struct {
	*sqlite.Views
	orders readmodels.Orders
	stocks readmodels.Stocks
}

func (b before) Order(ctx context.Context, id domain.OrderID) (readmodels.Order, error) {
	return b.orders.Order(ctx, id)
}

func (b before) Orders(ctx context.Context, q readmodels.OrderQuery) (readmodels.OrderPage, error) {
	return b.orders.Orders(ctx, q)
}

func (b before) Stock(ctx context.Context, w domain.Warehouse, sku domain.SKU) (readmodels.Stock, error) {
	return b.stocks.Stock(ctx, w, sku)
}

func (b before) Stocks(ctx context.Context, q readmodels.StockQuery) (readmodels.StockPage, error) {
	return b.stocks.Stocks(ctx, q)
}

// nowhere is a view that has nothing, so that an answer can only be Redis's.
type nowhere struct{}

var errNowhere = domain.Errorf(domain.NotFound, "asked behind")

func (nowhere) Order(context.Context, domain.OrderID) (readmodels.Order, error) {
	return readmodels.Order{}, errNowhere
}

func (nowhere) Orders(context.Context, readmodels.OrderQuery) (readmodels.OrderPage, error) {
	return readmodels.OrderPage{}, nil
}

func (nowhere) Stock(context.Context, domain.Warehouse, domain.SKU) (readmodels.Stock, error) {
	return readmodels.Stock{}, errNowhere
}

func (nowhere) Stocks(context.Context, readmodels.StockQuery) (readmodels.StockPage, error) {
	return readmodels.StockPage{}, nil
}

// TestReaders holds SQLite with Redis in front to the contract of all readers.
// In "from Redis alone" single rows can come from nowhere else.
func TestReaders(t *testing.T) {
	onBoth(t, func(t *testing.T, urls []string) {
		t.Run("empty Redis", func(t *testing.T) { readers(t, urls, false) })
		t.Run("from Redis alone", func(t *testing.T) { readers(t, urls, true) })
	})
}

func readers(t *testing.T, urls []string, mirrored bool) {
	readmodelstest.Run(t, func(t *testing.T) (readmodels.Readers, func(readmodels.Rows)) {
		v, err := sqlite.Open(t.Context(), t.TempDir(), quiet())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = v.Close() })
		r := open(t, patient, urls...)
		b := before{Views: v, orders: r.Orders(v, nil), stocks: r.Stocks(v, nil)}
		return &b, func(rows readmodels.Rows) {
			for _, g := range projections.Groups() {
				put(t, v, g.Name, projectionstest.RowsOf(g, rows))
			}
			if !mirrored {
				return
			}
			r.Mirror().Wrote(projections.Orders, projections.Batch{To: projectionstest.At(1), Rows: projectionstest.RowsOf(groupOf(t, projections.Orders), rows)})
			r.Mirror().Wrote(projections.Stock, projections.Batch{To: projectionstest.At(1), Rows: projectionstest.RowsOf(groupOf(t, projections.Stock), rows)})
			eventually(t, "mirrored", func() bool { return r.Stats().Epochs == 2*16 })
			for _, o := range readmodels.OrderView.In(rows) {
				if len(o.Lines) < 1_000 { // longer ones are left to the views
					if _, err := r.Orders(nowhere{}, nil).Order(t.Context(), o.ID); err != nil {
						t.Errorf("%s is not in Redis: %v", o.ID, err)
					}
				}
			}
			for _, s := range readmodels.StockView.In(rows) {
				if have, err := r.Stocks(nowhere{}, nil).Stock(t.Context(), s.Warehouse, s.SKU); err != nil || have != s {
					t.Errorf("in Redis are %+v, %v; want %+v", have, err, s)
				}
			}
		}
	})
}

func groupOf(t testing.TB, name string) projections.Group {
	t.Helper()
	g, err := projections.GroupOf(name)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func put(t testing.TB, v *sqlite.Views, group string, rows readmodels.Rows) {
	t.Helper()
	s, err := v.Live(t.Context(), groupOf(t, group))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Write(t.Context(), projections.Batch{Above: 0, To: projectionstest.At(1), Rows: rows}); err != nil {
		t.Fatal(err)
	}
}

// fixed is a Positions that a test moves.
type fixed struct {
	mu sync.Mutex
	at eventlog.Position
}

func (f *fixed) set(at eventlog.Position) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at = at
}

func (f *fixed) of(string) eventlog.Position {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.at
}

var _ redis.Positions = new(fixed).of
