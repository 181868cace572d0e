package sqlite

import (
	"context"
	"database/sql"

	"orderflow/domain"
	"orderflow/projections"
	"orderflow/readmodels"
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
	written := 0
	for _, t := range v.versions.tables {
		rows, ok := b.Rows[t.view]
		if !ok {
			continue
		}
		if err := v.upsert(ctx, t, rows); err != nil {
			return err
		}
		written += rows.Len()
	}
	if written < b.Rows.Len() {
		return domain.Errorf(domain.Internal, "The batch has rows of views that are not in the group %s.", v.versions.group.Name)
	}
	return nil
}

func (v *version) upsert(ctx context.Context, t table, rows readmodels.Set) error {
	var args arguments
	for i := 0; i < rows.Len(); {
		n := 1
		if v.building && rows.Len()-i >= builtPerStatement {
			n = builtPerStatement
		}
		args.list = args.list[:0]
		for range n {
			if err := args.row(t, rows.At(i)); err != nil {
				return err
			}
			i++
		}
		s, err := v.bulkStmt(ctx, t, n)
		if err != nil {
			return err
		}
		if _, err := s.ExecContext(ctx, args.list...); err != nil {
			return err
		}
	}
	return nil
}

// bulk names a statement that writes so many rows of a view.
type bulk struct {
	view readmodels.Table
	rows int
}

func (v *version) bulkStmt(ctx context.Context, t table, rows int) (*sql.Stmt, error) {
	b := bulk{view: t.view, rows: rows}
	if s := v.bulk[b]; s != nil {
		return s, nil
	}
	s, err := v.writer.PrepareContext(ctx, t.upsert(rows))
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

// Load implements [projections.Store]. It asks for all keys of a view at once, as one
// JSON parameter.
func (v *version) Load(ctx context.Context, k readmodels.Keys) (readmodels.Rows, error) {
	found := readmodels.Rows{}
	for _, t := range v.versions.tables {
		if len(k[t.view]) == 0 {
			continue
		}
		keys, err := jsonKeys(t.layout, k[t.view])
		if err != nil {
			return nil, err
		}
		stmt, err := v.query(ctx, t.load)
		if err != nil {
			return nil, err
		}
		found[t.view] = t.view.NewSet()
		rows, err := stmt.QueryContext(ctx, keys)
		if err := collect(rows, err, found[t.view]); err != nil {
			return nil, err
		}
	}
	return found, nil
}
