package postgres

import (
	"context"
	"iter"

	"github.com/jackc/pgx/v5"

	"orderflow/domain/eventlog"
	"orderflow/projections"
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
		"LOCK TABLE "+in(v.statements.schema, tablesOf(v.versions.group))+" IN ACCESS SHARE MODE")
	if err != nil {
		_ = s.Close() // the first error is the one to tell
		return nil, gone(err)
	}
	return s, nil
}

func (s *snapshot) Position() eventlog.Position { return s.at }

func (s *snapshot) Rows(ctx context.Context) iter.Seq2[projections.Row, error] {
	return func(yield func(projections.Row, error) bool) {
		goOn := true
		switch s.v.versions.group.Name {
		case projections.Orders:
			goOn = every(ctx, s, orderView(), yield) && every(ctx, s, paymentView(), yield) &&
				every(ctx, s, fulfilmentView(), yield) && every(ctx, s, salesView(), yield)
		case projections.Stock:
			goOn = every(ctx, s, stockView(), yield)
		case projections.Products:
			goOn = every(ctx, s, productView(), yield)
		}
		if goOn {
			s.holes(ctx, yield)
		}
	}
}

// every yields the rows of one view; it says whether to go on.
func every[K, V any](ctx context.Context, s *snapshot, view view[K, V], yield func(projections.Row, error) bool) bool {
	fail := func(err error) bool {
		yield(projections.Row{View: view.name}, mapped(err))
		return false
	}
	rows, err := s.conn.Query(ctx, s.v.statements.of(view.name+"_all"))
	if err != nil {
		return fail(err)
	}
	defer rows.Close()
	for rows.Next() {
		row, err := view.scan(rows)
		if err != nil {
			return fail(err)
		}
		if !yield(projections.Row{View: view.name, Key: view.keyText(view.keyOf(&row)), Value: row}, nil) {
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
		total *int64 // nil over no rows
	}
	rows, err := s.conn.Query(ctx, s.v.statements.of("sums_"+s.v.versions.group.Name))
	if err != nil {
		return nil, mapped(err)
	}
	all, err := collect(rows, func(r scanner) (v sum, err error) {
		return v, r.Scan(&v.name, &v.total)
	})
	if err != nil {
		return nil, mapped(err)
	}
	sums := projections.Sums{}
	for _, v := range all {
		if v.total != nil {
			sums[v.name] = *v.total
		}
	}
	return sums, nil
}

// Close ends the transaction with its connection.
func (s *snapshot) Close() error {
	ctx, cancel := s.v.versions.server.within(context.Background())
	defer cancel()
	_ = s.conn.Close(ctx) // it only read
	return nil
}
