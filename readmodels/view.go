package readmodels

import "sync"

// Table is a view without the type of its rows. Rows are passed as pointers to it.
type Table interface {
	// Layout returns how the rows are stored.
	Layout() *Layout
	// NewSet returns an empty set of rows.
	NewSet() Set
	// Key returns the key of a row, unique within the view.
	Key(row any) string
	// Encode sends the columns of a row to a sink, in the order of the layout.
	Encode(row any, to Sink) error
}

// Set is a list of rows of one view, without their type.
type Set interface {
	Len() int
	// At returns a pointer to row i.
	At(i int) any
	// Append adds a copy of a row.
	Append(row any)
	// Read adds the row whose columns scan writes into its arguments, as
	// sql.Rows.Scan does.
	Read(scan func(dest ...any) error) error
}

// Sink takes the columns of a row, one after the other.
type Sink interface {
	Text(s string)
	Number(n int64)
	Bool(b bool)
}

// Layout says once how the rows of a view are stored, found and added up. Stores make
// tables, statements and indexes from it.
type Layout struct {
	Name    string
	Columns []ColumnLayout // those of the key first
	Keys    int            // columns of the key
	// Parent is the view with the same key whose row is always written before or with
	// the row of this view; nil for none. A store may keep both rows close together.
	Parent  Table
	Indexes []Index
	Sums    []Sum
}

// ColumnLayout is a column without the type of its row.
type ColumnLayout struct {
	Name  string
	Kind  Kind
	Fixed bool // it does not change once the row is there
}

// Kind is the type of a column.
type Kind int

// The kinds of columns.
const (
	KindText Kind = iota
	KindNumber
	KindBool
)

// Index makes the rows that meet all conditions quick to find, in the order of columns.
type Index struct {
	Name    string
	Columns []string
	Where   []Condition // without values; nil for all rows
}

// Sum is a total over all rows of a view. With By there is one for each value of that
// column, named by the value.
type Sum struct {
	Name   string            // "orders.units", or the beginning of the names: "orders.total."
	Column string            // added up; empty to count the rows
	By     string            // a text column; empty for one total
	Rename map[string]string // values of By that are named otherwise
}

// View describes the rows of one view: everything that stores, compares or copies
// them is derived from it. See docs/adr/015.
type View[V any] struct {
	layout  Layout
	columns []Column[V]
	cells   sync.Pool // of *cells[V]
}

// NewView returns the descriptor of a view. Columns are appended to the layout.
func NewView[V any](l Layout, columns ...Column[V]) *View[V] {
	v := &View[V]{layout: l, columns: columns}
	for _, c := range columns {
		if c.key {
			v.layout.Keys++
		}
		v.layout.Columns = append(v.layout.Columns, c.layout)
	}
	v.cells.New = func() any { return newCells(columns) }
	return v
}

// Layout implements [Table].
func (v *View[V]) Layout() *Layout { return &v.layout }

// NewSet implements [Table].
func (v *View[V]) NewSet() Set { return &set[V]{view: v} }

// keySeparator is between the parts of a key. No name holds a control character, so NUL
// keeps them apart and in order.
const keySeparator = "\x00"

// Key implements [Table]: the texts of the key's columns, with NUL between them.
func (v *View[V]) Key(row any) string { return v.KeyOf(row.(*V)) }

// KeyOf is Key for a row with its type.
func (v *View[V]) KeyOf(row *V) string {
	key := v.columns[0].keyText(row)
	for _, c := range v.columns[1:v.layout.Keys] {
		key += keySeparator + c.keyText(row)
	}
	return key
}

// Encode implements [Table].
func (v *View[V]) Encode(row any, to Sink) error {
	r := row.(*V)
	for i := range v.columns {
		if err := v.columns[i].encode(r, to); err != nil {
			return err
		}
	}
	return nil
}

// Cut changes the fields of a row to what every store keeps of them, so that a copy of
// the row is the same as the stored one.
func (v *View[V]) Cut(row *V) {
	for _, c := range v.columns {
		if c.cut != nil {
			c.cut(row)
		}
	}
}

// set is a [Set] with its type.
type set[V any] struct {
	view *View[V]
	list []V
}

func (s *set[V]) Len() int       { return len(s.list) }
func (s *set[V]) At(i int) any   { return &s.list[i] }
func (s *set[V]) Append(row any) { s.list = append(s.list, *row.(*V)) }

func (s *set[V]) Read(scan func(dest ...any) error) error {
	c := s.view.cells.Get().(*cells[V])
	defer s.view.cells.Put(c)
	if err := scan(c.dest...); err != nil {
		return err
	}
	s.list = append(s.list, *new(V))
	row := &s.list[len(s.list)-1]
	for _, store := range c.store {
		if err := store(row); err != nil {
			return err
		}
	}
	return nil
}

// cells are the destinations of a scan, one for each column, and what moves them into
// a row. They are kept from row to row.
type cells[V any] struct {
	dest  []any
	store []func(*V) error
}

func newCells[V any](columns []Column[V]) *cells[V] {
	c := &cells[V]{}
	for _, column := range columns {
		dest, store := column.cell()
		c.dest, c.store = append(c.dest, dest), append(c.store, store)
	}
	return c
}
