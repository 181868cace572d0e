package projections

import (
	"context"

	"orderflow/domain"
	"orderflow/readmodels"
)

// unit is the unit of work of one group: the rows that a batch changes, and a cache of
// those of earlier batches. Its owner is the only writer of the
// store, which is why rows kept from batch to batch cannot be stale.
type unit struct {
	store     Store
	order     []readmodels.Table // of the tables, as the group has them
	tables    map[readmodels.Table]cachedTable
	folds     []viewFold
	admits    func(context.Context, event) (bool, error) // whether an event is to be folded; nil for all
	unwritten int                                        // weight of the changed rows that are not written
	holes     *table[readmodels.Hole]
	found     []readmodels.Hole // holes that no earlier batch had
	changed   []domain.OrderID  // orders whose row changed, in order, each once
}

// viewFold folds events into the rows of one view.
type viewFold interface {
	// keys names the rows that an event needs.
	keys(w *wanted, e event)
	fold(ctx context.Context, e event) error
}

// cachedTable is a [table] without the type of its rows.
type cachedTable interface {
	load(from readmodels.Rows)
	// dirty adds the changed rows to a set.
	dirty(to *readmodels.Rows)
	// evict adds the changed rows that are least likely to change again to a set and
	// marks them clean.
	evict(to *readmodels.Rows)
	markWritten()
}

func newUnit(g Group, s Store) *unit {
	u := &unit{store: s, order: g.Tables(), tables: map[readmodels.Table]cachedTable{}}
	u.holes = rowsOf(u, readmodels.HoleView)
	for _, v := range g.views {
		u.folds = append(u.folds, v.fold(u))
	}
	if g.admits != nil {
		u.admits = g.admits(u)
	}
	return u
}

// rowsOf returns the table of a view, which all folds of a unit share.
func rowsOf[V any](u *unit, view *readmodels.View[V]) *table[V] {
	if t, ok := u.tables[view].(*table[V]); ok {
		return t
	}
	t := &table[V]{view: view, total: &u.unwritten}
	u.tables[view] = t
	if parent := view.Layout().Parent; parent != nil {
		t.parent = func() dirtiness { return u.tables[parent].(dirtiness) }
	}
	return t
}

// wanted collects the keys of the rows that a batch needs and the unit does not have,
// so that one query loads them.
type wanted struct{ keys readmodels.Keys }

// want names a row that an event needs. One that begins with the event is not loaded,
// nor for later events of the batch.
func (t *table[V]) want(w *wanted, key string, begins bool) {
	if t.asking != w {
		t.asking, t.asked = w, map[string]struct{}{}
	}
	if _, asked := t.asked[key]; asked {
		return
	}
	t.asked[key] = struct{}{}
	if !begins && t.get(key) == nil {
		w.keys[t.view] = append(w.keys[t.view], key)
	}
}

func (u *unit) load(ctx context.Context, k readmodels.Keys) error {
	if k.Len() == 0 {
		return nil
	}
	rows, err := u.store.Load(ctx, k)
	if err != nil {
		return err
	}
	for _, t := range u.tables {
		t.load(rows)
	}
	return nil
}

// fold folds one event into every view of the group.
func (u *unit) fold(ctx context.Context, e event) error {
	if u.admits != nil {
		if ok, err := u.admits(ctx, e); err != nil || !ok {
			return err
		}
	}
	for _, f := range u.folds {
		if err := f.fold(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// dirty returns the changed rows.
func (u *unit) dirty() (rows readmodels.Rows) {
	for _, view := range u.order {
		u.tables[view].dirty(&rows)
	}
	return rows
}

// evictable returns the least recently changed half of the dirty rows and marks them
// clean. The events of an order lie close together, so most of these rows will not
// change again. The rows of an order go together: a row that has a parent stays as long
// as the parent's.
func (u *unit) evictable() (rows readmodels.Rows) {
	u.changed = nil // no reader follows a store that is being built
	for _, children := range []bool{false, true} {
		for _, view := range u.order {
			if children == (view.Layout().Parent != nil) {
				u.tables[view].evict(&rows)
			}
		}
	}
	return rows
}

// markWritten marks the changed rows as clean and returns the orders among them.
func (u *unit) markWritten() []domain.OrderID {
	for _, t := range u.tables {
		t.markWritten()
	}
	changed := u.changed
	u.changed = nil
	return changed
}
