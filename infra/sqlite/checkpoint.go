package sqlite

import (
	"context"
	"database/sql"

	"orderflow/domain/eventlog"
)

// mark makes the columns in which the events of the position are named, in a
// file that a program made which did not know them.
func (v *version) mark(ctx context.Context) error {
	var marked int
	if err := v.writer.QueryRowContext(ctx, statement("meta_marked")).Scan(&marked); err != nil || marked > 0 {
		return err
	}
	tx, err := v.writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing
	if _, err := tx.ExecContext(ctx, embedded("schema/meta_marks.sql")); err != nil {
		return err
	}
	return tx.Commit()
}

// Checkpoint implements [projections.Store].
func (v *version) Checkpoint(ctx context.Context) (eventlog.Checkpoint, error) {
	stmt, err := v.query(ctx, statement("meta_checkpoint"))
	if err != nil {
		return eventlog.Checkpoint{}, err
	}
	c, err := scanViewCheckpoint(stmt.QueryRowContext(ctx))
	return c, unavailable(err)
}

// scanViewCheckpoint reads the checkpoint of a view. If the position is not that of the marks, a
// program moved it that did not know them: then it is all that is known.
func scanViewCheckpoint(row *sql.Row) (c eventlog.Checkpoint, err error) {
	var at eventlog.Position
	var event, passed []byte
	if err := row.Scan(&at, &c.Event.Position, &event, &c.Passed.Position, &passed); err != nil {
		return eventlog.Checkpoint{}, err
	}
	copy(c.Event.ID[:], event)
	copy(c.Passed.ID[:], passed)
	if c.Position() != at {
		return eventlog.Checkpoint{Event: eventlog.Mark{Position: at}}, nil
	}
	return c, nil
}

// bindCheckpoint returns the columns of a checkpoint, as meta_advance has them.
func bindCheckpoint(c eventlog.Checkpoint) []any {
	return []any{int64(c.Position()), int64(c.Event.Position), idBytes(c.Event.ID), int64(c.Passed.Position), idBytes(c.Passed.ID)}
}

// idBytes returns an id as stored: nothing if it is not known.
func idBytes(id eventlog.EventID) []byte {
	if id == (eventlog.EventID{}) {
		return []byte{}
	}
	return id[:]
}
