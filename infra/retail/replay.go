package retail

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"orderflow/commands"
	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/inventory"
	"orderflow/domain/order"
)

// paymentToken is the means of payment of imported orders; the file knows none.
const paymentToken = "tok_online_retail"

// replay is one run of an import. One goroutine owns all of it; others only
// send commands and follow the log, and report here.
//
//	invoices ─▶ admit (in the file's order) ─▶ send ─▶ … ─▶ facts ─▶ settle ─▶ admit …
//	                 └ returns step aside until the customer's orders before them are settled
type replay struct {
	Import
	history History
	sending sync.WaitGroup
	facts   chan fact
	results chan result

	ledger  orderStates
	orders  map[domain.OrderID]int // the place of its invoice
	stock   bounds
	sales   matching
	open    map[domain.CustomerID]map[int]bool // places of orders under way
	takes   map[int]bool                       // of these the ones that count in stock.takes
	doomed  map[int]bool                       // of these the ones that will be, or may be, short
	aside   []int                              // returns that wait for an order to settle, by place
	parts   map[int]*pendingReturn             // returns under way, by place
	next    int                                // the place to be admitted
	running int                                // orders and returns under way
	settled int                                // invoices

	unmatched int64
}

// pendingReturn is a return on its way.
type pendingReturn struct {
	parts []part
	sent  bool
}

// fact is an event about an order of the file, or the end of the log.
type fact struct {
	event eventlog.Recorded
	err   error
}

// result is the outcome of a command.
type result struct {
	place int
	part  int // of a return
	err   error
}

func newReplay(i Import, h History) *replay {
	r := &replay{
		Import: i, history: h, facts: make(chan fact, i.UnderWay), results: make(chan result, i.UnderWay),
		ledger: orderStates{}, orders: map[domain.OrderID]int{}, sales: matching{},
		open: map[domain.CustomerID]map[int]bool{}, takes: map[int]bool{}, doomed: map[int]bool{}, parts: map[int]*pendingReturn{},
	}
	for place, invoice := range h.Invoices {
		if !invoice.Return {
			id := invoice.Order()
			r.orders[id] = place
			r.ledger[id] = &orderProgress{}
		}
	}
	return r
}

// catchUp reads what the log has so far, and refuses a file that is another
// than the one whose orders are there.
func (r *replay) catchUp(ctx context.Context) (last eventlog.Position, err error) {
	for e, err := range r.Log.ReadAll(ctx, 0, categories()...) {
		if err != nil {
			return 0, err
		}
		if _, err := r.ledger.see(e); err != nil {
			return 0, err
		}
		last = e.Position
	}
	for id, s := range r.ledger {
		invoice := r.history.Invoices[r.orders[id]]
		total, err := order.Total(invoice.Lines, Currency)
		if err == nil && s.status != order.StatusNew && (s.total != total.Minor || s.lines != len(invoice.Lines)) {
			err = domain.Errorf(domain.Mismatch, "Invoice %s was imported before with other lines; use another data directory for this file.", invoice.No)
		}
		if err != nil {
			return 0, err
		}
	}
	return last, nil
}

// readStock adds up what there is to sell, but for what the file's own orders
// did: that is counted in the order of the file.
func (r *replay) readStock(ctx context.Context) error {
	levels := map[domain.SKU]int64{}
	ours := func(id domain.OrderID) bool { return r.ledger[id] != nil }
	for e, err := range r.Log.Read(ctx, inventory.Stream(domain.DefaultWarehouse), 0) {
		if err != nil {
			return err
		}
		if err := decode(inventory.Codec, e, func(e inventory.Event) error { foreign(levels, e, ours); return nil }); err != nil {
			return err
		}
	}
	r.stock = newBounds(levels)
	return nil
}

// follow reports every event about an order of the file from here on.
func (r *replay) follow(ctx context.Context, last eventlog.Position) {
	for e, err := range r.Log.Subscribe(ctx, last, categories()...) {
		if err == nil && r.ledger[domain.OrderID(e.Stream.ID())] == nil { // the map itself never changes
			continue
		}
		select {
		case r.facts <- fact{event: e, err: err}:
		case <-ctx.Done():
			return
		}
	}
}

// loop goes on until every invoice is settled.
func (r *replay) loop(ctx context.Context) error {
	stall := time.NewTimer(r.StallAfter)
	defer stall.Stop()
	for {
		r.admit(ctx)
		if r.Progress != nil {
			r.Progress(r.settled, len(r.history.Invoices))
		}
		if r.settled == len(r.history.Invoices) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-stall.C:
			return r.stalled()
		case f := <-r.facts:
			if f.err != nil {
				return f.err
			}
			id, err := r.ledger.see(f.event)
			if err != nil {
				return err
			}
			r.inspect(ctx, id)
			stall.Reset(r.StallAfter)
		case done := <-r.results:
			if err := r.sent(ctx, done); err != nil {
				return err
			}
		}
	}
}

// admit sends invoices in the order of the file for as long as it is certain how they end.
func (r *replay) admit(ctx context.Context) {
	for r.next < len(r.history.Invoices) && r.running < r.UnderWay {
		place := r.next
		invoice := &r.history.Invoices[place]
		if invoice.Return {
			r.next++
			r.running++
			add(r.stock.gives, wants(invoice.Lines), 1)
			r.aside = append(r.aside, place)
			r.tryReturns(ctx)
			continue
		}
		known := r.ledger[invoice.Order()]
		need := wants(invoice.Lines)
		outlook := r.stock.outlook(need)
		if outlook == unsure && known.status == order.StatusNew {
			return
		}
		r.next++
		r.running++
		if outlook != short {
			r.takes[place] = true
			add(r.stock.takes, need, 1)
		}
		if r.open[invoice.Customer] == nil {
			r.open[invoice.Customer] = map[int]bool{}
		}
		r.open[invoice.Customer][place] = true
		if outlook != enough {
			r.doomed[place] = true
		}
		if known.status != order.StatusNew {
			r.inspect(ctx, invoice.Order())
			continue
		}
		r.place(ctx, place, invoice)
	}
}

func (r *replay) place(ctx context.Context, place int, invoice *Invoice) {
	lines := make([]commands.OrderLine, len(invoice.Lines))
	for i := range invoice.Lines {
		l := &invoice.Lines[i]
		lines[i] = commands.OrderLine{SKU: l.SKU, Name: l.Name, Quantity: l.Quantity, PriceMinor: &l.PriceMinor}
	}
	r.dispatch(ctx, result{place: place}, commands.PlaceOrder{
		Customer: invoice.Customer, IdempotencyKey: invoice.Key(), Lines: lines, PaymentToken: paymentToken,
		PlacedAt: invoice.At, History: &commands.History{Currency: Currency},
	})
}

func (r *replay) dispatch(ctx context.Context, what result, c commands.Command) {
	r.sending.Go(func() {
		what.err = r.send(ctx, c)
		select {
		case r.results <- what:
		case <-ctx.Done():
		}
	})
}

// sent notes the end of a command. A return that the order refuses was
// overtaken by another change of the order: its units stay unmatched.
func (r *replay) sent(ctx context.Context, what result) error {
	if what.err == nil {
		return nil
	}
	invoice := r.history.Invoices[what.place]
	if back := r.parts[what.place]; back != nil && domain.KindOf(what.err) == domain.Rejected {
		p := &back.parts[what.part]
		for _, l := range p.lines {
			r.unmatched += l.Quantity
		}
		p.lines, p.units = nil, nil
		r.inspectReturn(what.place, back)
		r.tryReturns(ctx)
		return nil
	}
	return domain.Wrap(domain.KindOf(what.err), what.err, "Invoice %s cannot be imported", invoice.No)
}

// inspect moves on what waits for an order, after the order itself has moved.
func (r *replay) inspect(ctx context.Context, id domain.OrderID) {
	place := r.orders[id]
	invoice := &r.history.Invoices[place]
	s := r.ledger[id]
	if r.open[invoice.Customer][place] && s.done {
		r.finishInvoice(place, invoice, s)
		r.tryReturns(ctx)
		return
	}
	for place, back := range r.parts { // few: those under way
		if slices.ContainsFunc(back.parts, func(p part) bool { return p.order == id }) {
			r.inspectReturn(place, back)
		}
	}
}

func (r *replay) finishInvoice(place int, invoice *Invoice, s *orderProgress) {
	delete(r.open[invoice.Customer], place)
	delete(r.doomed, place)
	need := wants(invoice.Lines)
	if r.takes[place] {
		delete(r.takes, place)
		add(r.stock.takes, need, -1)
	}
	if s.confirmed {
		add(r.stock.settled, need, -1)
		r.sales.confirm(invoice.Customer, &sale{place: place, order: invoice.Order(), lines: invoice.Lines})
	}
	r.running--
	r.settled++
}

// tryReturns matches and sends the returns whose time has come: all orders of
// the customer before them are settled, and no order before them that should
// be short could find what they bring.
func (r *replay) tryReturns(ctx context.Context) {
	waits := map[domain.CustomerID]bool{}
	r.aside = slices.DeleteFunc(r.aside, func(place int) bool {
		invoice := &r.history.Invoices[place]
		back := r.parts[place]
		if back == nil {
			if waits[invoice.Customer] || before(r.open[invoice.Customer], place) {
				waits[invoice.Customer] = true
				return false
			}
			parts, unmatched := r.sales.match(invoice.Customer, place, invoice.Lines)
			back = &pendingReturn{parts: parts}
			r.unmatched += unmatched
			r.parts[place] = back
		}
		if len(back.parts) > 0 && before(r.doomed, place) {
			return false
		}
		r.makeReturn(ctx, place, invoice, back)
		return true
	})
}

// before reports whether any of places comes before one.
func before(places map[int]bool, one int) bool {
	for place := range places {
		if place < one {
			return true
		}
	}
	return false
}

func (r *replay) makeReturn(ctx context.Context, place int, invoice *Invoice, back *pendingReturn) {
	back.sent = true
	for n, p := range back.parts {
		if _, made := r.ledger[p.order].returns[invoice.No]; !made {
			r.dispatch(ctx, result{place: place, part: n}, commands.ReturnLines{
				Order: p.order, Return: invoice.No, Lines: p.lines, ReturnedAt: invoice.At,
			})
		}
	}
	r.inspectReturn(place, back)
}

// inspectReturn settles a return when goods and money of all its parts are back.
func (r *replay) inspectReturn(place int, back *pendingReturn) {
	if !back.sent {
		return
	}
	invoice := &r.history.Invoices[place]
	for _, p := range back.parts {
		if p.lines != nil && !r.ledger[p.order].returns[invoice.No] {
			return
		}
	}
	delete(r.parts, place)
	add(r.stock.gives, wants(invoice.Lines), -1)
	for _, p := range back.parts {
		add(r.stock.settled, p.units, 1)
	}
	r.running--
	r.settled++
}

// stalled names the invoices that wait, and the orders that they wait for.
func (r *replay) stalled() error {
	var waiting []string
	for id, s := range r.ledger {
		if place := r.orders[id]; r.open[r.history.Invoices[place].Customer][place] {
			waiting = append(waiting, describe(r.history.Invoices[place].No, id, s))
		}
	}
	for place, back := range r.parts {
		for _, p := range back.parts {
			waiting = append(waiting, describe(r.history.Invoices[place].No, p.order, r.ledger[p.order]))
		}
	}
	slices.Sort(waiting)
	rest := ""
	if n := len(waiting) - maxNamed; n > 0 {
		waiting, rest = waiting[:maxNamed], fmt.Sprintf(" and %d more", n)
	}
	return domain.Errorf(domain.Unavailable, "Nothing has moved for %v. Not settled: %s%s. Run the import again to go on.",
		r.StallAfter, strings.Join(waiting, ", "), rest)
}

func describe(invoice string, id domain.OrderID, s *orderProgress) string {
	if s.attention != "" {
		return fmt.Sprintf("%s (order %s needs a person: %s)", invoice, id, s.attention)
	}
	return fmt.Sprintf("%s (order %s)", invoice, id)
}
