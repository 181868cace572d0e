package projections

import (
	"context"

	"orderflow/domain"
	"orderflow/readmodels"
)

// unit is the unit of work of one group: the rows that a batch changes, and a cache of
// those of earlier batches. Its owner is the only writer of the
// store, which is why rows kept from batch to batch cannot be stale.
type unit struct {
	store       Store
	orders      table[domain.OrderID, readmodels.Order]
	payments    table[domain.OrderID, readmodels.Payment]
	fulfilments table[domain.OrderID, readmodels.Fulfilment]
	sales       table[SalesKey, readmodels.SalesDay]
	stock       table[StockKey, readmodels.Stock]
	products    table[domain.SKU, readmodels.Product]
	holes       table[string, readmodels.Hole]
	found       []readmodels.Hole // holes that no earlier batch had
	changed     []domain.OrderID  // orders whose row changed, in order, each once
}

func newUnit(s Store) *unit {
	u := &unit{store: s}
	u.orders.weigh = func(o *readmodels.Order) int { return 1 + len(o.Lines) }
	return u
}

// wanted collects the keys of the rows that a batch needs and the unit does not have,
// so that one query loads them.
type wanted struct {
	unit             *unit
	keys             Keys
	orders, payments map[domain.OrderID]struct{} // looked at in this batch
	stocks           map[StockKey]struct{}
}

func newWanted(u *unit) *wanted {
	return &wanted{
		unit: u, orders: map[domain.OrderID]struct{}{}, payments: map[domain.OrderID]struct{}{}, stocks: map[StockKey]struct{}{},
	}
}

func (u *unit) load(ctx context.Context, k Keys) error {
	if k.Len() == 0 {
		return nil
	}
	rows, err := u.store.Load(ctx, k)
	if err != nil {
		return err
	}
	for _, o := range rows.Orders {
		u.orders.put(o.ID, o)
	}
	for _, p := range rows.Payments {
		u.payments.put(p.Order, p)
	}
	for _, f := range rows.Fulfilments {
		u.fulfilments.put(f.Order, f)
	}
	for _, d := range rows.Sales {
		u.sales.put(SalesKey{Day: d.Day, Currency: d.Currency}, d)
	}
	for _, s := range rows.Stock {
		u.stock.put(StockKey{Warehouse: s.Warehouse, SKU: s.SKU}, s)
	}
	for _, p := range rows.Products {
		u.products.put(p.SKU, p)
	}
	for _, h := range rows.Holes {
		u.holes.put(h.Stream, h)
	}
	return nil
}

// order returns the row of an order for changing, and marks it changed by e.
// An event about an order that was never placed cannot be projected.
func (u *unit) order(e event) (*readmodels.Order, error) {
	o := u.orders.get(e.order())
	if o == nil {
		return nil, errUnprojectable(e.Recorded, "there is no order %s", e.order())
	}
	if u.orders.markDirty(e.order()) {
		u.changed = append(u.changed, e.order())
	}
	o.UpdatedAt, o.Position = readmodels.Instant(e.At), int64(e.Position)
	if _, own := e.fact.(orderFact); own {
		o.Version = int64(e.Version)
	}
	return o, nil
}

// dirty returns the changed rows.
func (u *unit) dirty() Rows {
	return Rows{
		Orders: u.orders.dirty(), Payments: u.payments.dirty(), Fulfilments: u.fulfilments.dirty(),
		Sales: u.sales.dirty(), Stock: u.stock.dirty(), Products: u.products.dirty(), Holes: u.holes.dirty(),
	}
}

// unwritten returns the weight of the changed rows that are not written.
func (u *unit) unwritten() int {
	return u.orders.unwritten + u.payments.unwritten + u.fulfilments.unwritten +
		u.sales.unwritten + u.stock.unwritten + u.products.unwritten + u.holes.unwritten
}

// evictable returns the least recently changed half of the dirty rows and marks them
// clean. The events of an order lie close together, so most of these rows will not
// change again. Rows of an order go together.
func (u *unit) evictable() Rows {
	u.changed = nil // no reader follows a store that is being built
	r := Rows{
		Orders: u.orders.evictable(u.orders.older()), Sales: u.sales.evictable(u.sales.older()),
		Stock: u.stock.evictable(u.stock.older()), Products: u.products.evictable(u.products.older()),
		Holes: u.holes.evictable(u.holes.older()),
	}
	orderIsThere := func(_ int, id domain.OrderID) bool { return u.orders.touched[id] == nil }
	r.Payments, r.Fulfilments = u.payments.evictable(orderIsThere), u.fulfilments.evictable(orderIsThere)
	return r
}

// markWritten marks the changed rows as clean and returns the orders among them.
func (u *unit) markWritten() []domain.OrderID {
	u.orders.markWritten()
	u.payments.markWritten()
	u.fulfilments.markWritten()
	u.sales.markWritten()
	u.stock.markWritten()
	u.products.markWritten()
	u.holes.markWritten()
	changed := u.changed
	u.changed = nil
	return changed
}

// table is a bounded cache of the rows of one view, in two generations: when the young
// one is full it becomes the old one, and the rows of the old one that were not used
// since are dropped, except those that are still to be written.
type table[K comparable, V any] struct {
	young, old map[K]*V
	touched    map[K]*V
	order      []K // of touched, so that writes are in the order of the log
	weigh      func(*V) int
	weight     int // of young
	unwritten  int // weight of touched
}

// get returns a row that was loaded or created, else nil.
func (t *table[K, V]) get(k K) *V {
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
func (t *table[K, V]) put(k K, v V) *V {
	t.insert(k, &v)
	return &v
}

func (t *table[K, V]) insert(k K, v *V) {
	if t.young == nil {
		t.young = map[K]*V{}
	}
	t.young[k] = v
	t.weight += t.weighs(v)
}

func (t *table[K, V]) weighs(v *V) int {
	if t.weigh == nil {
		return 1
	}
	return t.weigh(v)
}

// markDirty marks a row as changed. It reports whether the row was clean.
func (t *table[K, V]) markDirty(k K) bool {
	if _, ok := t.touched[k]; ok {
		return false
	}
	if t.touched == nil {
		t.touched = map[K]*V{}
	}
	v := t.get(k)
	t.touched[k] = v
	t.order = append(t.order, k)
	t.unwritten += t.weighs(v)
	return true
}

func (t *table[K, V]) dirty() []V {
	rows := make([]V, len(t.order))
	for i, k := range t.order {
		rows[i] = *t.touched[k]
	}
	return rows
}

// older selects the least recently changed half of the dirty rows.
func (t *table[K, V]) older() func(i int, k K) bool {
	half := (len(t.order) + 1) / 2
	return func(i int, _ K) bool { return i < half }
}

// evictable returns the selected dirty rows and marks them clean.
func (t *table[K, V]) evictable(chosen func(i int, k K) bool) (rows []V) {
	unwritten := t.order[:0]
	for i, k := range t.order {
		if !chosen(i, k) {
			unwritten = append(unwritten, k)
			continue
		}
		v := t.touched[k]
		rows = append(rows, *v)
		t.unwritten -= t.weighs(v)
		delete(t.touched, k)
	}
	t.order = unwritten
	t.rotate()
	return rows
}

func (t *table[K, V]) markWritten() {
	clear(t.touched)
	t.order, t.unwritten = t.order[:0], 0
	t.rotate()
}

// rotate starts a new generation when the young one is full.
func (t *table[K, V]) rotate() {
	if t.weight > MaxCachedWeight/2 {
		clear(t.old)
		t.old, t.young, t.weight = t.young, t.old, 0
	}
}
