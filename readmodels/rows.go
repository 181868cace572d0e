package readmodels

// Rows is a set of rows of any views.
type Rows map[Table]Set

// Keys names rows of any views, by [Table.Key]; a key may occur more than once.
type Keys map[Table][]string

// Len counts the rows.
func (r Rows) Len() (n int) {
	for _, s := range r {
		n += s.Len()
	}
	return n
}

// Append adds a copy of one row, which is a pointer.
func (r *Rows) Append(t Table, row any) { r.set(t).Append(row) }

func (r *Rows) set(t Table) Set {
	if *r == nil {
		*r = Rows{}
	}
	s, ok := (*r)[t]
	if !ok {
		s = t.NewSet()
		(*r)[t] = s
	}
	return s
}

// Len counts the keys.
func (k Keys) Len() (n int) {
	for _, keys := range k {
		n += len(keys)
	}
	return n
}

// Rows returns a set of rows of v.
func (v *View[V]) Rows(list ...V) Rows {
	return Rows{v: &set[V]{view: v, list: list}}
}

// Add adds rows of v to r, which may keep the list itself.
func (v *View[V]) Add(r *Rows, list ...V) {
	s := r.set(v).(*set[V])
	if s.list == nil {
		s.list = list
		return
	}
	s.list = append(s.list, list...)
}

// In returns the rows of v that are in r; they are shared, not copied.
func (v *View[V]) In(r Rows) []V {
	if s, ok := r[v].(*set[V]); ok {
		return s.list
	}
	return nil
}
