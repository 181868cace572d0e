package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"iter"

	"orderflow/domain/eventlog"
	"orderflow/projections"
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
	return s.rows(ctx, statement)
}

// rows yields what the _all statements find, as question has them.
func (s *snapshot) rows(ctx context.Context, question func(name string) string) iter.Seq2[projections.Row, error] {
	return func(yield func(projections.Row, error) bool) {
		goOn := true
		switch s.v.versions.group.Name {
		case projections.Orders:
			goOn = every(ctx, s, orderView(), question, yield) && every(ctx, s, paymentView(), question, yield) &&
				every(ctx, s, fulfilmentView(), question, yield) && every(ctx, s, salesView(), question, yield)
		case projections.Stock:
			goOn = every(ctx, s, stockView(), question, yield)
		case projections.Products:
			goOn = every(ctx, s, productView(), question, yield)
		}
		_ = goOn && every(ctx, s, holeView(), question, yield)
	}
}

// every yields the rows of one view; it says whether to go on.
func every[V any](ctx context.Context, s *snapshot, view view[V], question func(name string) string, yield func(projections.Row, error) bool) bool {
	fail := func(err error) bool {
		yield(projections.Row{View: view.name}, unavailable(err))
		return false
	}
	rows, err := s.tx.QueryContext(ctx, question(view.name+"_all"))
	if err != nil {
		return fail(err)
	}
	defer rows.Close() //nolint:errcheck // Err below tells what matters
	for rows.Next() {
		row, err := view.scan(rows)
		if err != nil {
			return fail(err)
		}
		if !yield(projections.Row{View: view.name, Key: view.key(row), Value: row}, nil) {
			return false
		}
	}
	if err := rows.Err(); err != nil {
		return fail(err)
	}
	return true
}

func (s *snapshot) Sums(ctx context.Context) (projections.Sums, error) {
	type sum struct {
		name  string
		total sql.NullInt64 // NULL over no rows
	}
	rows, err := s.tx.QueryContext(ctx, statement("sums_"+s.v.versions.group.Name))
	all, err := collect(rows, err, func(r scanner) (v sum, err error) {
		err = r.Scan(&v.name, &v.total)
		return v, err
	})
	if err != nil {
		return nil, err
	}
	sums := projections.Sums{}
	for _, v := range all {
		sums[v.name] = v.total.Int64
	}
	return sums, nil
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
