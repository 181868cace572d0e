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
	readmodels.Reader
	groups map[string]*versions
	of     map[readmodels.Table]*versions
}

var (
	_ projections.Views  = (*Views)(nil)
	_ readmodels.Source  = (*Views)(nil)
	_ readmodels.Readers = (*Views)(nil)
	_ readmodels.Holes   = (*Views)(nil)
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
	v := &Views{groups: map[string]*versions{}, of: map[readmodels.Table]*versions{}}
	v.Source = v
	for _, g := range projections.Groups() {
		s, err := newVersions(ctx, dir, g, logger)
		if err != nil {
			return nil, errors.Join(err, v.Close())
		}
		v.groups[g.Name] = s
		for _, view := range g.Views() {
			v.of[view] = s
		}
	}
	return v, nil
}

// Close closes all files. Questions and stores fail afterwards.
func (v *Views) Close() error {
	var errs []error
	for _, s := range v.groups {
		errs = append(errs, s.close())
	}
	return errors.Join(errs...)
}

// Live implements [projections.Views].
func (v *Views) Live(_ context.Context, g projections.Group) (projections.Store, error) {
	s := v.groups[g.Name]
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live, nil
}

// Build implements [projections.Views].
func (v *Views) Build(ctx context.Context, g projections.Group) (projections.Building, error) {
	return v.groups[g.Name].build(ctx)
}

// Find implements [readmodels.Source].
func (v *Views) Find(ctx context.Context, view readmodels.Table, key string, to readmodels.Set) error {
	s, t := v.of[view], v.of[view].table(view)
	var args arguments
	if err := t.layout.EncodeKey(key, &args); err != nil {
		return err
	}
	return s.ask(ctx, t.find, args.list, to)
}

// Select implements [readmodels.Source].
func (v *Views) Select(ctx context.Context, view readmodels.Table, q readmodels.Query, to readmodels.Set) error {
	text, args := dialect.Select(view.Layout().Name, view.Layout(), q)
	return v.of[view].ask(ctx, text, args, to)
}

// Count implements [readmodels.Source].
func (v *Views) Count(ctx context.Context, view readmodels.Table, of ...[]readmodels.Condition) ([]int64, error) {
	return v.of[view].count(ctx, view, of)
}

// Holes implements [readmodels.Holes]. Every group has holes of its own.
func (v *Views) Holes(ctx context.Context, group string, limit int) (list []readmodels.Hole, total int64, err error) {
	s, ok := v.groups[group]
	if !ok {
		_, err := projections.GroupOf(group)
		return nil, 0, err
	}
	if limit > 0 {
		text, args := dialect.Select("holes", readmodels.HoleView.Layout(), readmodels.HoleList(limit))
		found := readmodels.Rows{readmodels.HoleView: readmodels.HoleView.NewSet()}
		if err := s.ask(ctx, text, args, found[readmodels.HoleView]); err != nil {
			return nil, 0, err
		}
		list = readmodels.HoleView.In(found)
	}
	n, err := s.count(ctx, readmodels.HoleView, [][]readmodels.Condition{nil})
	if err != nil {
		return nil, 0, err
	}
	return list, n[0], nil
}

// ask answers a question from the serving version.
func (s *versions) ask(ctx context.Context, text string, args []any, to readmodels.Set) error {
	v := s.acquire()
	defer s.release(v)
	stmt, err := v.query(ctx, text)
	if err != nil {
		return err
	}
	rows, err := stmt.QueryContext(ctx, args...)
	return collect(rows, err, to)
}

func (s *versions) count(ctx context.Context, view readmodels.Table, of [][]readmodels.Condition) ([]int64, error) {
	v := s.acquire()
	defer s.release(v)
	text, args := dialect.Count(view.Layout().Name, of)
	stmt, err := v.query(ctx, text)
	if err != nil {
		return nil, err
	}
	counts, dest := make([]int64, len(of)), make([]any, len(of))
	for i := range counts {
		dest[i] = &counts[i]
	}
	return counts, unavailable(stmt.QueryRowContext(ctx, args...).Scan(dest...))
}
