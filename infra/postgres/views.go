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
	readmodels.Reader
	groups map[string]*versions
	of     map[readmodels.Table]*versions

	news *news
	stop context.CancelFunc
	wg   sync.WaitGroup
}

var (
	_ projections.Views        = (*Views)(nil)
	_ projections.ChangeSource = (*Views)(nil)
	_ readmodels.Source        = (*Views)(nil)
	_ readmodels.Readers       = (*Views)(nil)
)

// Views opens the views, and makes databases and tables that are missing.
func (s *Server) Views(ctx context.Context) (*Views, error) {
	v := &Views{groups: map[string]*versions{}, of: map[readmodels.Table]*versions{}, news: newNews(s)}
	v.Source = v
	for _, g := range projections.Groups() {
		service := inventoryService
		if g.Name == projections.Orders {
			service = orderService
		}
		l, err := newVersions(ctx, s, service, g)
		if err != nil {
			return nil, err
		}
		v.groups[g.Name] = l
		for _, view := range g.Views() {
			v.of[view] = l
		}
	}
	ctx, v.stop = context.WithCancel(context.WithoutCancel(ctx))
	v.wg.Go(func() { v.tend(ctx) })
	return v, nil
}

func (v *Views) tend(ctx context.Context) {
	tick := time.NewTicker(tendEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			for _, l := range v.groups {
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
	l := v.groups[g.Name]
	ctx, cancel := l.server.within(ctx)
	defer cancel()
	live, err := l.current(ctx)
	if errors.Is(err, pgx.ErrNoRows) { // dropped as unused, after a long absence
		if err := l.ensure(ctx); err != nil {
			return nil, err
		}
		live, err = l.current(ctx)
	}
	if err != nil {
		return nil, mapped(err)
	}
	return live, nil
}

// Build implements [projections.Views].
func (v *Views) Build(ctx context.Context, g projections.Group) (projections.Building, error) {
	b, err := v.groups[g.Name].build(ctx)
	if err != nil {
		return nil, err
	}
	return b, nil
}

// Find implements [readmodels.Source].
func (v *Views) Find(ctx context.Context, view readmodels.Table, key string, to readmodels.Set) error {
	l, t := v.of[view], v.of[view].table(view)
	var args arguments
	if err := t.layout.EncodeKey(key, &args); err != nil {
		return err
	}
	return l.ask(ctx, t.find, args.list, to)
}

// Select implements [readmodels.Source].
func (v *Views) Select(ctx context.Context, view readmodels.Table, q readmodels.Query, to readmodels.Set) error {
	l, t := v.of[view], v.of[view].table(view)
	text, args := dialect.Select(t.name, t.layout, q)
	return l.ask(ctx, text, args, to)
}

// Count implements [readmodels.Source].
func (v *Views) Count(ctx context.Context, view readmodels.Table, of ...[]readmodels.Condition) ([]int64, error) {
	l := v.of[view]
	ctx, cancel := l.server.within(ctx)
	defer cancel()
	text, args := dialect.Count(l.table(view).name, of)
	counts, dest := make([]int64, len(of)), make([]any, len(of))
	for i := range counts {
		dest[i] = &counts[i]
	}
	return counts, mapped(l.pool.QueryRow(ctx, text, args...).Scan(dest...))
}

// ask answers a question from the serving version.
func (l *versions) ask(ctx context.Context, text string, args []any, to readmodels.Set) error {
	ctx, cancel := l.server.within(ctx)
	defer cancel()
	rows, err := l.pool.Query(ctx, text, args...)
	if err != nil {
		return mapped(err)
	}
	return mapped(read(rows, to))
}

// table returns the SQL of a view in the serving version.
func (l *versions) table(view readmodels.Table) table {
	for _, t := range l.serves {
		if t.view == view {
			return t
		}
	}
	return newTable(view, l.live)
}
