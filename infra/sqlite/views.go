package sqlite

import (
	"context"
	"errors"
	"log/slog"
	"os"

	"orderflow/domain"
	"orderflow/projections"
	"orderflow/readmodels"
)

// Views keeps the view stores of a directory and answers every question of
// package readmodels from the serving ones.
type Views struct {
	orders, stock, products *versions
}

var (
	_ projections.Views      = (*Views)(nil)
	_ readmodels.Orders      = (*Views)(nil)
	_ readmodels.Payments    = (*Views)(nil)
	_ readmodels.Fulfilments = (*Views)(nil)
	_ readmodels.Sales       = (*Views)(nil)
	_ readmodels.Stocks      = (*Views)(nil)
	_ readmodels.Products    = (*Views)(nil)
	_ readmodels.Holes       = (*Views)(nil)
)

// Open opens the views of a directory and makes it if need be. Only the
// process that holds the log beside the directory may open it. logger may be nil
// for the default.
func Open(ctx context.Context, dir string, logger *slog.Logger) (*Views, error) {
	if logger == nil {
		logger = slog.Default()
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, domain.Wrap(domain.Unavailable, err, "The directory of the views cannot be made")
	}
	v := &Views{}
	for _, g := range projections.Groups() {
		s, err := newVersions(ctx, dir, g, logger)
		if err != nil {
			return nil, errors.Join(err, v.Close())
		}
		*v.versions(g.Name) = s
	}
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

// Close closes all files. Questions and stores fail afterwards.
func (v *Views) Close() error {
	var errs []error
	for _, s := range []*versions{v.orders, v.stock, v.products} {
		if s != nil {
			errs = append(errs, s.close())
		}
	}
	return errors.Join(errs...)
}

// Live implements [projections.Views].
func (v *Views) Live(_ context.Context, g projections.Group) (projections.Store, error) {
	s := *v.versions(g.Name)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live, nil
}

// Build implements [projections.Views].
func (v *Views) Build(ctx context.Context, g projections.Group) (projections.Building, error) {
	return (*v.versions(g.Name)).build(ctx)
}

// one answers a question about one row from the serving version.
func one[V any](ctx context.Context, s *versions, scan func(scanner) (V, error), name string, args ...any) (row V, err error) {
	v := s.acquire()
	defer s.release(v)
	stmt, err := v.query(ctx, name)
	if err != nil {
		return row, err
	}
	if row, err = scan(stmt.QueryRowContext(ctx, args...)); err != nil {
		var zero V
		return zero, unavailable(err)
	}
	return row, nil
}

// many answers a question about several rows from the serving version.
func many[V any](ctx context.Context, s *versions, scan func(scanner) (V, error), name string, args ...any) ([]V, error) {
	v := s.acquire()
	defer s.release(v)
	stmt, err := v.query(ctx, name)
	if err != nil {
		return nil, err
	}
	rows, err := stmt.QueryContext(ctx, args...)
	return collect(rows, err, scan)
}
