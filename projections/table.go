package projections

import "orderflow/readmodels"

// table is a bounded cache of the rows of one view, in two generations: when the young
// one is full it becomes the old one, and the rows of the old one that were not used
// since are dropped, except those that are still to be written.
type table[V any] struct {
	view       *readmodels.View[V]
	young, old map[string]*V
	touched    map[string]*V
	order      []string // of touched, so that writes are in the order of the log
	weigh      func(*V) int
	weight     int                 // of young
	unwritten  int                 // weight of touched
	total      *int                // of unwritten of all tables of the unit
	parent     func() dirtiness    // of the view's parent; nil if it has none
	asking     *wanted             // of the batch that asked is about
	asked      map[string]struct{} // keys that events of the batch need
}

// dirtiness says which rows are changed and not written.
type dirtiness interface{ isDirty(key string) bool }

// get returns a row that was loaded or created, else nil.
func (t *table[V]) get(k string) *V {
	if v := t.young[k]; v != nil {
		return v
	}
	v := t.old[k]
	if v == nil {
		v = t.touched[k]
	}
	if v != nil {
		t.insert(k, v)
	}
	return v
}

// put adds a row that was loaded or is new.
func (t *table[V]) put(k string, v V) *V {
	t.insert(k, &v)
	return &v
}

func (t *table[V]) insert(k string, v *V) {
	if t.young == nil {
		t.young = map[string]*V{}
	}
	t.young[k] = v
	t.weight += t.weighs(v)
}

func (t *table[V]) weighs(v *V) int {
	if t.weigh == nil {
		return 1
	}
	return t.weigh(v)
}

// markDirty marks a row as changed. It reports whether the row was clean.
func (t *table[V]) markDirty(k string) bool {
	if _, ok := t.touched[k]; ok {
		return false
	}
	if t.touched == nil {
		t.touched = map[string]*V{}
	}
	v := t.get(k)
	t.touched[k] = v
	t.order = append(t.order, k)
	t.count(t.weighs(v))
	return true
}

// count adds a weight to what is not written.
func (t *table[V]) count(weight int) {
	t.unwritten += weight
	*t.total += weight
}

func (t *table[V]) isDirty(key string) bool {
	_, dirty := t.touched[key]
	return dirty
}

// load puts those rows of the view that are in a set.
func (t *table[V]) load(from readmodels.Rows) {
	for _, v := range t.view.In(from) {
		t.put(t.view.KeyOf(&v), v)
	}
}

// dirty implements [cachedTable].
func (t *table[V]) dirty(to *readmodels.Rows) {
	if len(t.order) == 0 {
		return
	}
	rows := make([]V, len(t.order))
	for i, k := range t.order {
		rows[i] = *t.touched[k]
	}
	t.view.Add(to, rows...)
}

// evict implements [cachedTable]: rows of a view with a parent are evicted when the
// parent's row is clean, and of all others the half that was changed first.
func (t *table[V]) evict(to *readmodels.Rows) {
	half := (len(t.order) + 1) / 2
	stays := func(i int, _ string) bool { return i >= half }
	if t.parent != nil {
		parent := t.parent()
		stays = func(_ int, key string) bool { return parent.isDirty(key) }
	}
	var rows []V
	unwritten := t.order[:0]
	for i, k := range t.order {
		if stays(i, k) {
			unwritten = append(unwritten, k)
			continue
		}
		v := t.touched[k]
		rows = append(rows, *v)
		t.count(-t.weighs(v))
		delete(t.touched, k)
	}
	if t.order = unwritten; len(rows) > 0 {
		t.view.Add(to, rows...)
	}
	t.rotate()
}

func (t *table[V]) markWritten() {
	clear(t.touched)
	t.count(-t.unwritten)
	t.order = t.order[:0]
	t.rotate()
}

// rotate starts a new generation when the young one is full.
func (t *table[V]) rotate() {
	if t.weight > MaxCachedWeight/2 {
		clear(t.old)
		t.old, t.young, t.weight = t.young, t.old, 0
	}
}
