package postgres

import (
	"cmp"
	"context"
	"iter"

	"github.com/jackc/pgx/v5"

	"orderflow/domain/eventlog"
	"orderflow/projections"
	"orderflow/readmodels"
)

// snapshot is one transaction that sees one moment, on a connection of its own.
// The tables it locks are not dropped while it is open.
type snapshot struct {
	v    *version
	conn *pgx.Conn
	at   eventlog.Position
}

// Snapshot implements [projections.Store].
func (v *version) Snapshot(ctx context.Context) (projections.Snapshot, error) {
	s, err := v.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := v.versions.server.within(ctx)
	defer cancel()
	stand, err := scanViewCheckpoint(s.conn.QueryRow(ctx, statement("version_checkpoint"), v.id))
	if err != nil {
		_ = s.Close() // the first error is the one to tell
		return nil, gone(err)
	}
	s.at = stand.Position()
	return s, nil
}

// snapshot locks the tables first: what is seen is decided by the first question.
func (v *version) snapshot(ctx context.Context) (*snapshot, error) {
	ctx, cancel := v.versions.server.within(ctx)
	defer cancel()
	c, err := v.versions.server.dial(ctx, v.versions.service)
	if err != nil {
		return nil, err
	}
	s := &snapshot{v: v, conn: c}
	_, err = c.Exec(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\n"+
		"SET LOCAL statement_timeout = 0;\nSET LOCAL idle_in_transaction_session_timeout = 0;\n"+
		"LOCK TABLE "+v.tables.names()+" IN ACCESS SHARE MODE")
	if err != nil {
		_ = s.Close() // the first error is the one to tell
		return nil, gone(err)
	}
	return s, nil
}

func (s *snapshot) Position() eventlog.Position { return s.at }

func (s *snapshot) Rows(ctx context.Context) iter.Seq2[projections.Row, error] {
	return func(yield func(projections.Row, error) bool) {
		for _, t := range s.v.tables {
			rows, err := s.conn.Query(ctx, t.all)
			if err != nil {
				yield(projections.Row{View: t.view}, mapped(err))
				return
			}
			if !every(t.view, rows, yield) {
				return
			}
		}
		rows, err := s.conn.Query(ctx, holesAll, s.v.id)
		if err != nil {
			yield(projections.Row{View: readmodels.HoleView}, mapped(err))
			return
		}
		every(readmodels.HoleView, rows, yield)
	}
}

// every yields the rows of one view and closes them; it says whether to go on.
func every(view readmodels.Table, rows pgx.Rows, yield func(projections.Row, error) bool) bool {
	defer rows.Close()
	var err error
	for rows.Next() {
		row := view.NewSet()
		if err = row.Read(rows.Scan); err != nil {
			break
		}
		if !yield(projections.Row{View: view, Key: view.Key(row.At(0)), Value: row.At(0)}, nil) {
			return false
		}
	}
	if err = cmp.Or(err, rows.Err()); err != nil {
		yield(projections.Row{View: view}, mapped(err))
	}
	return err == nil
}

func (s *snapshot) Sums(ctx context.Context) (projections.Sums, error) {
	of := s.v.tables.sums()
	rows, err := s.conn.Query(ctx, of.Text)
	if err != nil {
		return nil, mapped(err)
	}
	defer rows.Close()
	sums := projections.Sums{}
	for rows.Next() {
		var sum int
		var value string
		var total *int64 // nil over no rows
		if err := rows.Scan(&sum, &value, &total); err != nil {
			return nil, mapped(err)
		}
		if total != nil {
			of.Add(sums, sum, value, *total)
		}
	}
	return sums, mapped(rows.Err())
}

// Close ends the transaction with its connection.
func (s *snapshot) Close() error {
	ctx, cancel := s.v.versions.server.within(context.Background())
	defer cancel()
	_ = s.conn.Close(ctx) // it only read
	return nil
}
