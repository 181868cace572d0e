package postgres

import (
	"time"

	"github.com/jackc/pgx/v5"
)

// view maps one read model to its table. The columns stand in the order of the
// _upsert, _copy and _all statements, those of the key in the order of _load
// and _delete.
type view[K, V any] struct {
	name    string
	bind    func(to sink, v *V) error // one row's columns
	scan    func(row scanner) (V, error)
	keyOf   func(v *V) K
	bindKey func(to sink, k K)
	keyText func(k K) string
}

// sink takes the columns of a row, one after the other.
type sink interface {
	text(s string)
	number(n int64)
	truth(b bool)
}

// scanner is a row of pgx.
type scanner interface{ Scan(dest ...any) error }

// collect scans all rows and closes them.
func collect[V any](rows pgx.Rows, scan func(scanner) (V, error)) ([]V, error) {
	defer rows.Close()
	var all []V
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

func micros(t time.Time) int64   { return t.UnixMicro() }
func instant(us int64) time.Time { return time.UnixMicro(us).UTC() }
