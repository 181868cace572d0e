package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"orderflow/domain/eventlog"
)

// Checkpoint implements [projections.Store].
func (v *version) Checkpoint(ctx context.Context) (eventlog.Checkpoint, error) {
	ctx, cancel := v.versions.server.within(ctx)
	defer cancel()
	c, err := scanViewCheckpoint(v.versions.pool.QueryRow(ctx, statement("version_checkpoint"), v.id))
	return c, mapped(err)
}

// scanViewCheckpoint reads the checkpoint of a view. If the position is not that of the marks, a
// program moved it that did not know them: then it is all that is known.
func scanViewCheckpoint(row pgx.Row) (c eventlog.Checkpoint, err error) {
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

// bindCheckpoint returns the columns of a checkpoint, as version_serve and
// version_advance have them.
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
