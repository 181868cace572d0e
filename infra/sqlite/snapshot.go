package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"iter"

	"orderflow/domain/eventlog"
	"orderflow/projections"
	"orderflow/readmodels"
)

// snapshot is one read transaction: WAL keeps what it sees as it was. While
// it is open the WAL cannot be cut short, so it grows with every write.
type snapshot struct {
	v    *version
	conn *sql.Conn
	tx   *sql.Tx
	at   eventlog.Position
}

// Snapshot implements [projections.Store].
func (v *version) Snapshot(ctx context.Context) (projections.Snapshot, error) {
	s, err := v.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (v *version) snapshot(ctx context.Context) (*snapshot, error) {
	v.versions.hold(v)
	s := &snapshot{v: v}
	if err := s.begin(ctx); err != nil {
		return nil, unavailable(errors.Join(err, s.Close()))
	}
	return s, nil
}

// begin reads the position first: the transaction sees what its first read sees.
func (s *snapshot) begin(ctx context.Context) (err error) {
	if s.conn, err = s.v.read.Conn(ctx); err != nil {
		return err
	}
	if s.tx, err = s.conn.BeginTx(ctx, &sql.TxOptions{ReadOnly: true}); err != nil {
		return err
	}
	stand, err := scanViewCheckpoint(s.tx.QueryRowContext(ctx, statement("meta_checkpoint")))
	s.at = stand.Position()
	return err
}

func (s *snapshot) Position() eventlog.Position { return s.at }

func (s *snapshot) Rows(ctx context.Context) iter.Seq2[projections.Row, error] {
	return s.rows(ctx, func(t table) string { return t.all })
}

// rows yields the rows that a question finds in each table.
func (s *snapshot) rows(ctx context.Context, question func(table) string) iter.Seq2[projections.Row, error] {
	return func(yield func(projections.Row, error) bool) {
		for _, t := range s.v.versions.tables {
			rows, err := s.tx.QueryContext(ctx, question(t))
			if err != nil {
				yield(projections.Row{View: t.view}, unavailable(err))
				return
			}
			if !every(t.view, rows, yield) {
				return
			}
		}
	}
}

// every yields the rows of one view and closes them; it says whether to go on.
func every(view readmodels.Table, rows *sql.Rows, yield func(projections.Row, error) bool) bool {
	defer rows.Close() //nolint:errcheck // Err below tells what matters
	var err error
	for rows.Next() {
		read := view.NewSet()
		if err = read.Read(rows.Scan); err != nil {
			break
		}
		if !yield(projections.Row{View: view, Key: view.Key(read.At(0)), Value: read.At(0)}, nil) {
			return false
		}
	}
	if err = cmp.Or(err, rows.Err()); err != nil {
		yield(projections.Row{View: view}, unavailable(err))
	}
	return err == nil
}

func (s *snapshot) Sums(ctx context.Context) (projections.Sums, error) {
	rows, err := s.tx.QueryContext(ctx, s.v.versions.sums.Text)
	if err != nil {
		return nil, unavailable(err)
	}
	defer rows.Close() //nolint:errcheck // Err below tells what matters
	sums := projections.Sums{}
	for rows.Next() {
		var sum int
		var value string
		var total sql.NullInt64 // NULL over no rows
		if err := rows.Scan(&sum, &value, &total); err != nil {
			return nil, unavailable(err)
		}
		s.v.versions.sums.Add(sums, sum, value, total.Int64)
	}
	return sums, unavailable(rows.Err())
}

func (s *snapshot) Close() error {
	var errs []error
	if s.tx != nil {
		errs = append(errs, s.tx.Rollback())
	}
	if s.conn != nil {
		errs = append(errs, s.conn.Close())
	}
	s.v.versions.release(s.v)
	return errors.Join(errs...)
}
