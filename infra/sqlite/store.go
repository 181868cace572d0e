package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"

	"orderflow/domain"
	"orderflow/projections"
)

// builtPerStatement is how many rows one statement writes into a file that is
// built: enough that the cost of a call is shared, few enough that SQLite's
// bound of 32,766 parameters is far. A serving file is written row by row: a
// statement of several must be undone alone if it fails half-way, and for that
// SQLite copies every page it touches.
const builtPerStatement = 4

// Write implements [projections.Store]. Its statements do not watch the
// context: a batch is short, and either there or not.
func (v *version) Write(ctx context.Context, b projections.Batch) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return domain.Errorf(domain.Unavailable, "The view store is closed.")
	}
	ctx = context.WithoutCancel(ctx)
	if _, err := v.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return unavailable(err)
	}
	if err := v.writeBatch(ctx, b); err != nil {
		_, _ = v.exec(ctx, "ROLLBACK") // a failed statement may have rolled back already
		return unavailable(err)
	}
	if _, err := v.exec(ctx, "COMMIT"); err != nil {
		_, _ = v.exec(ctx, "ROLLBACK")
		return unavailable(err)
	}
	v.committed(ctx)
	return nil
}

// committed lets the WAL be moved. What goes wrong there is no fault of the
// batch, and is tried again after another.
func (v *version) committed(ctx context.Context) {
	if v.checkpointer == nil {
		return
	}
	if v.checkpointer.moved.CompareAndSwap(true, false) {
		_, _ = v.exec(ctx, "PRAGMA wal_checkpoint(PASSIVE)")
	}
	v.checkpointer.committed()
}

func (v *version) writeBatch(ctx context.Context, b projections.Batch) error {
	moved, err := v.exec(ctx, statement("meta_advance"), append([]any{int64(b.Above)}, bindCheckpoint(b.To)...)...)
	if err != nil {
		return err
	}
	if n, err := moved.RowsAffected(); err != nil || n != 1 {
		return domain.Errorf(domain.Conflict, "The view is not at position %d.", b.Above)
	}
	return v.upsertAll(ctx, b.Rows)
}

func (v *version) upsertAll(ctx context.Context, r projections.Rows) error {
	if err := upsert(ctx, v, orderView(), r.Orders); err != nil {
		return err
	}
	if err := upsert(ctx, v, paymentView(), r.Payments); err != nil {
		return err
	}
	if err := upsert(ctx, v, fulfilmentView(), r.Fulfilments); err != nil {
		return err
	}
	if err := upsert(ctx, v, salesView(), r.Sales); err != nil {
		return err
	}
	if err := upsert(ctx, v, stockView(), r.Stock); err != nil {
		return err
	}
	if err := upsert(ctx, v, productView(), r.Products); err != nil {
		return err
	}
	return upsert(ctx, v, holeView(), r.Holes)
}

func upsert[V any](ctx context.Context, v *version, view view[V], rows []V) error {
	var args []any
	for len(rows) > 0 {
		n := 1
		if v.building && len(rows) >= builtPerStatement {
			n = builtPerStatement
		}
		args = args[:0]
		for i := range rows[:n] {
			var err error
			if args, err = view.bind(args, &rows[i]); err != nil {
				return err
			}
		}
		s, err := v.bulkStmt(ctx, bulk{view: view.name, rows: n})
		if err != nil {
			return err
		}
		if _, err := s.ExecContext(ctx, args...); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// bulk names a statement that writes so many rows of a view.
type bulk struct {
	view string
	rows int
}

func (v *version) bulkStmt(ctx context.Context, b bulk) (*sql.Stmt, error) {
	if s := v.bulk[b]; s != nil {
		return s, nil
	}
	s, err := v.writer.PrepareContext(ctx, upserts(b.view, b.rows))
	if err == nil {
		v.bulk[b] = s
	}
	return s, err
}

// exec runs a statement of the writer, prepared once.
func (v *version) exec(ctx context.Context, text string, args ...any) (sql.Result, error) {
	s := v.write[text]
	if s == nil {
		var err error
		if s, err = v.writer.PrepareContext(ctx, text); err != nil {
			return nil, err
		}
		v.write[text] = s
	}
	return s.ExecContext(ctx, args...)
}

// Load implements [projections.Store].
func (v *version) Load(ctx context.Context, k projections.Keys) (r projections.Rows, err error) {
	if r.Orders, err = load(ctx, v, orderView(), k.Orders); err != nil {
		return r, err
	}
	if r.Payments, err = load(ctx, v, paymentView(), k.Payments); err != nil {
		return r, err
	}
	if r.Fulfilments, err = load(ctx, v, fulfilmentView(), k.Fulfilments); err != nil {
		return r, err
	}
	sales := make([][2]any, len(k.Sales))
	for i, s := range k.Sales {
		sales[i] = [2]any{micros(s.Day), s.Currency}
	}
	if r.Sales, err = load(ctx, v, salesView(), sales); err != nil {
		return r, err
	}
	stock := make([][2]any, len(k.Stock))
	for i, s := range k.Stock {
		stock[i] = [2]any{s.Warehouse, s.SKU}
	}
	if r.Stock, err = load(ctx, v, stockView(), stock); err != nil {
		return r, err
	}
	if r.Products, err = load(ctx, v, productView(), k.Products); err != nil {
		return r, err
	}
	r.Holes, err = load(ctx, v, holeView(), k.Holes)
	return r, err
}

// load asks for all keys at once, as one JSON parameter.
func load[K, V any](ctx context.Context, v *version, view view[V], keys []K) ([]V, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	named, err := json.Marshal(keys)
	if err != nil {
		return nil, err
	}
	stmt, err := v.query(ctx, view.name+"_load")
	if err != nil {
		return nil, err
	}
	rows, err := stmt.QueryContext(ctx, string(named))
	return collect(rows, err, view.scan)
}
