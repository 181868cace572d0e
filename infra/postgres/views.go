package postgres

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"orderflow/projections"
	"orderflow/readmodels"
)

// tendEvery is how often a process says that it uses its versions and looks for
// those that can be dropped.
const tendEvery = time.Minute

// Views keeps the view stores of a fleet and answers every question of package
// readmodels from the serving versions. Any number of processes may project,
// rebuild and read at the same time.
type Views struct {
	orders, stock, products *versions

	news *news
	stop context.CancelFunc
	wg   sync.WaitGroup
}

var (
	_ projections.Views        = (*Views)(nil)
	_ projections.ChangeSource = (*Views)(nil)
	_ readmodels.Orders        = (*Views)(nil)
	_ readmodels.Payments      = (*Views)(nil)
	_ readmodels.Fulfilments   = (*Views)(nil)
	_ readmodels.Sales         = (*Views)(nil)
	_ readmodels.Stocks        = (*Views)(nil)
	_ readmodels.Products      = (*Views)(nil)
)

// Views opens the views, and makes databases and tables that are missing.
func (s *Server) Views(ctx context.Context) (*Views, error) {
	v := &Views{news: newNews(s)}
	for _, g := range projections.Groups() {
		service := inventoryService
		if g.Name == projections.Orders {
			service = orderService
		}
		l, err := newVersions(ctx, s, service, g)
		if err != nil {
			return nil, err
		}
		*v.versions(g.Name) = l
	}
	ctx, v.stop = context.WithCancel(context.WithoutCancel(ctx))
	v.wg.Go(func() { v.tend(ctx) })
	return v, nil
}

func (v *Views) versions(group string) **versions {
	switch group {
	case projections.Orders:
		return &v.orders
	case projections.Stock:
		return &v.stock
	default:
		return &v.products
	}
}

func (v *Views) tend(ctx context.Context) {
	tick := time.NewTicker(tendEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			for _, l := range []*versions{v.orders, v.stock, v.products} {
				l.tend(ctx)
			}
		}
	}
}

// Close ends what Views does by itself. Stores and questions go on until the
// Server is closed.
func (v *Views) Close() error {
	v.stop()
	v.wg.Wait()
	v.news.close()
	return nil
}

// Live implements [projections.Views].
func (v *Views) Live(ctx context.Context, g projections.Group) (projections.Store, error) {
	l := *v.versions(g.Name)
	ctx, cancel := l.server.within(ctx)
	defer cancel()
	live, err := l.live(ctx)
	if errors.Is(err, pgx.ErrNoRows) { // dropped as unused, after a long absence
		if err := l.ensure(ctx); err != nil {
			return nil, err
		}
		live, err = l.live(ctx)
	}
	if err != nil {
		return nil, mapped(err)
	}
	return live, nil
}

// Build implements [projections.Views].
func (v *Views) Build(ctx context.Context, g projections.Group) (projections.Building, error) {
	b, err := (*v.versions(g.Name)).build(ctx)
	if err != nil {
		return nil, err
	}
	return b, nil
}

// one answers a question about one row from the serving version.
func one[V any](ctx context.Context, l *versions, scan func(scanner) (V, error), name string, args ...any) (V, error) {
	ctx, cancel := l.server.within(ctx)
	defer cancel()
	row, err := scan(l.pool.QueryRow(ctx, l.views.of(name), args...))
	if err != nil {
		var zero V
		return zero, mapped(err)
	}
	return row, nil
}

// many answers a question about several rows from the serving version.
func many[V any](ctx context.Context, l *versions, scan func(scanner) (V, error), name string, args ...any) ([]V, error) {
	ctx, cancel := l.server.within(ctx)
	defer cancel()
	rows, err := l.pool.Query(ctx, l.views.of(name), args...)
	if err != nil {
		return nil, mapped(err)
	}
	all, err := collect(rows, scan)
	return all, mapped(err)
}
