package main_test

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"orderflow/domain/eventlog"
	"orderflow/infra/eventstoredb"
	"orderflow/infra/pebblelog"
)

// logCheck follows a log event by event, by the stored JSON alone, and holds at
// every prefix what must hold whatever the order of events: no article is sold
// that is not there, an order is refused only for what is missing at that very
// place, money and goods of every order add up.
type logCheck struct {
	t      *testing.T
	stock  map[string]*shelfCheck
	orders map[string]*orderCheck
	events int
	wrong  bool
}

func (c *logCheck) errorf(format string, args ...any) {
	c.t.Helper()
	c.t.Errorf(format, args...)
	c.wrong = true
}

type shelfCheck struct{ in, held, gone int64 }

func (s shelfCheck) free() int64 { return s.in - s.held - s.gone }

type orderCheck struct {
	lines                     []line
	total, captured, refunded int64
	captures                  int
	held, gone                map[string]int64
	returns                   map[string]map[string]int64 // announced by the order and not yet on the shelf
	owed                      int64                       // refunds announced
	ending, reason            string
	short, completed          bool
	reserved                  bool
	unsettled                 int
}

type line struct {
	SKU string `json:"sku"`
	Qty int64  `json:"qty"`
}

type money struct {
	Minor    int64  `json:"minor"`
	Currency string `json:"currency"`
}

// entry has the fields of every event the check reads.
type entry struct {
	Order    string          `json:"order"`
	Units    []line          `json:"units"`
	RawLines json.RawMessage `json:"lines"`
	Total    money           `json:"total"`
	Amount   money           `json:"amount"`
	Refund   json.RawMessage `json:"refund"`
	Return   string          `json:"return"`
	Reason   string          `json:"reason"`
	Short    []struct {
		SKU       string `json:"sku"`
		Wanted    int64  `json:"wanted"`
		Available int64  `json:"available"`
	} `json:"short"`
}

// checkLog checks the whole log of a node at rest and returns its events.
func checkLog(t *testing.T, n program) int {
	t.Helper()
	log, err := n.openLog()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	}()
	c := &logCheck{t: t, stock: map[string]*shelfCheck{}, orders: map[string]*orderCheck{}}
	for r, err := range log.ReadAll(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		var e entry
		if err := json.Unmarshal(r.Data, &e); err != nil {
			t.Fatalf("%s at %d: %v", r.Type, r.Position, err)
		}
		c.events++
		if r.Stream.Category() == "stock" {
			c.goods(r.Type, e)
		} else {
			c.order(r.Stream.ID()).take(c, r.Type, e)
		}
		if c.wrong {
			t.Fatalf("at position %d: %s of %s: %s", r.Position, r.Type, r.Stream, r.Data)
		}
	}
	c.atRest()
	return c.events
}

type closingStore interface {
	eventlog.Store
	Close() error
}

func (n program) openLog() (closingStore, error) {
	if n.store != nil {
		return eventstoredb.Open(n.store.connection, eventstoredb.Options{})
	}
	return pebblelog.Open(filepath.Join(n.data, "log"), pebblelog.Options{})
}

func (c *logCheck) order(id string) *orderCheck {
	if c.orders[id] == nil {
		c.orders[id] = &orderCheck{held: map[string]int64{}, gone: map[string]int64{}, returns: map[string]map[string]int64{}}
	}
	return c.orders[id]
}

func (c *logCheck) shelf(sku string) *shelfCheck {
	if c.stock[sku] == nil {
		c.stock[sku] = &shelfCheck{}
	}
	return c.stock[sku]
}

func (c *logCheck) goods(eventType string, e entry) {
	o := c.order(e.Order)
	switch eventType {
	case "stock.refused.v1":
		c.refused(o, e)
	case "stock.reserved.v1":
		o.reserved = true
		for sku, n := range sum(o.lines) {
			if sum(e.Units)[sku] != n {
				c.errorf("%d of %s reserved of %d ordered", sum(e.Units)[sku], sku, n)
			}
		}
	case "stock.returned.v1":
		announced := o.returns[e.Return]
		for sku, n := range sum(e.Units) {
			if announced[sku] != n {
				c.errorf("%d of %s came back of %d announced", n, sku, announced[sku])
			}
		}
		delete(o.returns, e.Return)
	}
	for _, u := range e.Units {
		s := c.shelf(u.SKU)
		switch eventType {
		case "stock.received.v1", "stock.returned.v1":
			s.in += u.Qty
		case "stock.reserved.v1":
			s.held += u.Qty
			o.held[u.SKU] += u.Qty
		case "stock.released.v1":
			s.held -= u.Qty
			o.held[u.SKU] -= u.Qty
		case "stock.committed.v1":
			s.held, s.gone = s.held-u.Qty, s.gone+u.Qty
			o.held[u.SKU] -= u.Qty
			o.gone[u.SKU] += u.Qty
		default:
			c.errorf("an import makes no %s", eventType)
		}
		if s.held < 0 || s.gone < 0 || s.free() < 0 || o.held[u.SKU] < 0 {
			c.errorf("%s is oversold: %+v, %d held for the order", u.SKU, *s, o.held[u.SKU])
		}
	}
}

func (c *logCheck) refused(o *orderCheck, e entry) {
	o.short = true
	missing := map[string]int64{}
	for sku, n := range sum(o.lines) {
		if free := c.shelf(sku).free(); free < n {
			missing[sku] = n
		}
	}
	if len(missing) == 0 || len(missing) != len(e.Short) {
		c.errorf("refused for %+v, missing were %v", e.Short, missing)
	}
	for _, s := range e.Short {
		if missing[s.SKU] != s.Wanted || c.shelf(s.SKU).free() != s.Available {
			c.errorf("refused for %+v, %d were wanted of %d", s, missing[s.SKU], c.shelf(s.SKU).free())
		}
	}
}

func (o *orderCheck) take(c *logCheck, eventType string, e entry) {
	switch eventType {
	case "order.placed.v1":
		c.parse(e.RawLines, &o.lines)
		o.total = e.Total.Minor
	case "order.confirmed.v1", "order.rejected.v1":
		if o.ending != "" {
			c.errorf("the order had ended already: %s", o.ending)
		}
		o.ending, o.reason = eventType, e.Reason
	case "order.lines_returned.v1":
		var lines []struct {
			Line int   `json:"line"`
			Qty  int64 `json:"qty"`
		}
		var refund money
		c.parse(e.RawLines, &lines)
		c.parse(e.Refund, &refund)
		o.returns[e.Return] = map[string]int64{}
		for _, l := range lines {
			o.returns[e.Return][o.lines[l.Line].SKU] += l.Qty
		}
		o.owed += refund.Minor
		o.unsettled++
	case "payment.captured.v1":
		o.captures++
		o.captured += e.Amount.Minor
	case "payment.refunded.v1":
		o.refunded += e.Amount.Minor
	case "fulfilment.completed.v1", "fulfilment.reverted.v1":
		o.completed = true
	case "fulfilment.return_settled.v1":
		o.unsettled--
	case "fulfilment.needs_attention.v1":
		c.errorf("a person must look: %s", e.Reason)
	}
	if o.captures > 1 || o.captured > o.total || o.refunded > o.owed {
		c.errorf("%d captures of %d for an order of %d, %d given back of %d", o.captures, o.captured, o.total, o.refunded, o.owed)
	}
}

func (c *logCheck) parse(raw json.RawMessage, into any) {
	if err := json.Unmarshal(raw, into); err != nil {
		c.errorf("%v", err)
	}
}

// atRest checks what holds when nothing is under way: no order stands, what
// was confirmed was paid and has left, and what was refused was short.
func (c *logCheck) atRest() {
	for id, o := range c.orders {
		if o.lines == nil {
			continue // not an order: an article, or stock that arrived
		}
		if !o.completed || o.unsettled != 0 || len(o.returns) > 0 || o.refunded != o.owed {
			c.errorf("order %s is left standing: %+v", id, o)
		}
		switch o.ending {
		case "order.confirmed.v1":
			if o.captured != o.total || !o.reserved || o.short {
				c.errorf("order %s is confirmed, but %+v", id, o)
			}
			for sku, n := range sum(o.lines) {
				if o.gone[sku] != n {
					c.errorf("order %s is confirmed, and %d of %d %s left", id, o.gone[sku], n, sku)
				}
			}
		case "order.rejected.v1":
			if o.captured != 0 || o.reserved || !o.short || o.reason != "out_of_stock" {
				c.errorf("order %s is rejected, but %+v", id, o)
			}
		default:
			c.errorf("order %s never ended: %+v", id, o)
		}
	}
	for sku, s := range c.stock {
		if s.held != 0 {
			c.errorf("%d of %s are still set aside", s.held, sku)
		}
	}
}

func sum(lines []line) map[string]int64 {
	all := map[string]int64{}
	for _, l := range lines {
		all[l.SKU] += l.Qty
	}
	return all
}
