package readmodels

import (
	"context"
	"time"
)

// Source answers queries from the rows that serve. Its errors are those of the
// questions of this package.
type Source interface {
	// Find adds the row of a key to a set, or nothing if there is none.
	Find(ctx context.Context, t Table, key string, to Set) error
	// Select adds the rows that a query asks for to a set, in its order.
	Select(ctx context.Context, t Table, q Query, to Set) error
	// Count counts the rows that meet all of some conditions, for each set of
	// conditions, at one moment.
	Count(ctx context.Context, t Table, of ...[]Condition) ([]int64, error)
}

// Query asks for rows of a view.
type Query struct {
	Where      []Condition // that a row meets, all of them
	Order      []string    // columns
	Descending bool
	Limit      int // rows
}

// Condition is a comparison of columns. Several columns are compared as one value,
// from the first to the last.
type Condition struct {
	Columns []string
	Is      Comparison
	Values  []any // string or int64, one for each column; none for True to Filled
}

// Comparison says how a column is compared.
type Comparison int

// The comparisons. Those from True on have no value: an index may have them as well.
const (
	Equal   Comparison = iota
	AtLeast            // greater or equal
	Above
	Below
	True
	False
	Empty // the empty text
	Filled
)

// where returns a condition on one column.
func where(column string, is Comparison, values ...any) Condition {
	return Condition{Columns: []string{column}, Is: is, Values: values}
}

// Reader answers the questions of this package from a source.
type Reader struct{ Source Source }

var _ Readers = Reader{}

// Readers answers every question about the rows of all views.
type Readers interface {
	Orders
	Payments
	Fulfilments
	Sales
	Stocks
	Products
}

// find returns one row; found is false if there is none.
func find[V any](ctx context.Context, r Reader, v *View[V], key string) (row V, found bool, err error) {
	s := &set[V]{view: v}
	if err := r.Source.Find(ctx, v, key, s); err != nil || len(s.list) == 0 {
		return row, false, err
	}
	return s.list[0], true, nil
}

func list[V any](ctx context.Context, r Reader, v *View[V], q Query) ([]V, error) {
	s := &set[V]{view: v}
	if err := r.Source.Select(ctx, v, q, s); err != nil {
		return nil, err
	}
	return s.list, nil
}

// ceilMicros makes "at or after" and "before" mean the same for a bound of
// nanoseconds and rows of microseconds.
func ceilMicros(t time.Time) int64 {
	us := t.UnixMicro()
	if t.After(time.UnixMicro(us)) {
		us++
	}
	return us
}
