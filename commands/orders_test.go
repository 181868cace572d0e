package commands_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"orderflow/commands"
	"orderflow/commands/aggregate"
	"orderflow/commands/aggregate/aggregatetest"
	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/fulfilment"
	"orderflow/domain/inventory"
	"orderflow/domain/order"
	"orderflow/domain/shipment"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// shop is a process with two articles on sale and some of each in stock.
func shop(t *testing.T) (*commands.Local, *aggregatetest.Store) {
	t.Helper()
	s := aggregatetest.NewStore()
	l := commands.NewLocal(s, s)
	t.Cleanup(l.Close)
	do(t, l, commands.ListProduct{SKU: "holder", Name: "Holder", Price: domain.GBP(255)})
	do(t, l, commands.ListProduct{SKU: "lantern", Name: "Lantern", Price: domain.GBP(339)})
	do(t, l, commands.ListProduct{SKU: "teller", Name: "Teller", Price: domain.Money{Minor: 100, Currency: "EUR"}})
	do(t, l, commands.ReceiveStock{Receipt: "r1", Units: []inventory.Units{{SKU: "holder", Quantity: 10}, {SKU: "lantern", Quantity: 5}}})
	return l, s
}

func do(t testing.TB, b commands.Bus, c commands.Command) commands.Reply {
	t.Helper()
	r, err := b.Send(ctx(), c)
	if err != nil {
		t.Fatalf("%s: %v", c.CommandName(), err)
	}
	return r
}

func refused(t testing.TB, b commands.Bus, c commands.Command, kind domain.Kind, text string) {
	t.Helper()
	_, err := b.Send(ctx(), c)
	aggregatetest.WantKind(t, err, kind)
	if err != nil && !strings.Contains(err.Error(), text) {
		t.Errorf("%s: %q does not say %q", c.CommandName(), err, text)
	}
}

func place(key string, lines ...commands.OrderLine) commands.PlaceOrder {
	return commands.PlaceOrder{Customer: "17850", IdempotencyKey: key, Lines: lines, PaymentToken: "tok", PlacedAt: noon}
}

func line(sku domain.SKU, n int64) commands.OrderLine {
	return commands.OrderLine{SKU: sku, Quantity: n}
}

func TestPlaceOrderTakesPricesAndNamesFromTheCatalogue(t *testing.T) {
	l, s := shop(t)
	r := do(t, l, place("k1", line("holder", 2), line("lantern", 1)))
	id := domain.NewOrderID("17850", "k1")
	if r.Order != id || r.Stream != order.Stream(id) || r.Version != 1 || r.Events != 1 || r.Position == 0 {
		t.Errorf("reply = %+v", r)
	}
	for rec := range s.Log.Read(ctx(), order.Stream(id), 0) {
		e, _, err := order.Codec.Decode(rec)
		aggregatetest.Must(t, err)
		got := e.(order.Placed)
		want := []order.Line{
			{SKU: "holder", Name: "Holder", Quantity: 2, PriceMinor: 255}, {SKU: "lantern", Name: "Lantern", Quantity: 1, PriceMinor: 339},
		}
		if !slices.Equal(got.Lines, want) || got.Total != domain.GBP(849) || got.Warehouse != "main" || got.Origin != order.OriginAPI || !got.PlacedAt.Equal(noon) {
			t.Errorf("placed = %+v", got)
		}
		if rec.Meta.Correlation != string(id) || rec.Meta.Actor != "customer:17850" {
			t.Errorf("meta = %+v", rec.Meta)
		}
	}
}

func TestPlacingTwiceIsPlacingOnce(t *testing.T) {
	l, s := shop(t)
	c := place("k1", line("holder", 2))
	first := do(t, l, c)
	do(t, l, commands.RepriceProduct{SKU: "holder", Price: domain.GBP(999)})
	c.PlacedAt = noon.Add(time.Hour)
	other := commands.NewLocal(s, s) // another process, which knows nothing yet
	defer other.Close()
	for _, b := range []commands.Bus{l, other} {
		if again := do(t, b, c); again.Events != 0 || again.Order != first.Order || again.Version != 1 || again.Position != first.Position {
			t.Errorf("placed again: %+v, first %+v", again, first)
		}
	}
	do(t, l, commands.DelistProduct{SKU: "holder"})
	if again := do(t, l, c); again.Events != 0 || again.Order != first.Order || again.Version != 1 || again.Position != first.Position {
		t.Errorf("placed again after the article went: %+v", again)
	}
	refused(t, l, place("k1", line("holder", 3)), domain.Mismatch, "Idempotency-Key")
	refused(t, l, place("k1", line("lantern", 2)), domain.Mismatch, "Idempotency-Key")
	refused(t, l, place("k2", line("holder", 3)), domain.Rejected, "holder")
}

func TestPlacingAtOnceInManyProcessesIsPlacingOnce(t *testing.T) {
	_, s := shop(t)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			l := commands.NewLocal(s, s)
			defer l.Close()
			c := place("k1", line("holder", 2))
			c.PlacedAt = noon.Add(time.Duration(i) * time.Second)
			do(t, l, c)
		})
	}
	all.Wait()
	n := 0
	for range s.Log.Read(ctx(), order.Stream(domain.NewOrderID("17850", "k1")), 0) {
		n++
	}
	if n != 1 {
		t.Errorf("%d events", n)
	}
}

func TestPlaceOrderRefuses(t *testing.T) {
	l, _ := shop(t)
	price := int64(1)
	for name, tc := range map[string]struct {
		command commands.PlaceOrder
		kind    domain.Kind
		text    string
	}{
		"no such name":      {commands.PlaceOrder{Customer: "\n", IdempotencyKey: "k"}, domain.Invalid, "customer"},
		"unknown article":   {place("k", line("holder", 1), line("sofa", 1)), domain.Rejected, "sofa"},
		"two currencies":    {place("k", line("holder", 1), line("teller", 1)), domain.Rejected, "teller"},
		"a price":           {place("k", commands.OrderLine{SKU: "holder", Quantity: 1, PriceMinor: &price}), domain.Invalid, "catalogue"},
		"no line":           {place("k"), domain.Invalid, "lines"},
		"too many lines":    {place("k", make([]commands.OrderLine, domain.MaxLines+1)...), domain.Invalid, "lines"},
		"no units":          {place("k", line("holder", 0)), domain.Invalid, "units"},
		"no key":            {place("", line("holder", 1)), domain.Invalid, "key"},
		"no SKU":            {place("k", line("", 1)), domain.Invalid, "SKU"},
		"price in history":  {history("GBP", commands.OrderLine{SKU: "holder", Quantity: 1}), domain.Invalid, "price"},
		"history's money":   {history("pounds", commands.OrderLine{SKU: "holder", Quantity: 1, PriceMinor: &price}), domain.Invalid, "pounds"},
		"too large a total": {history("GBP", huge(), huge()), domain.Invalid, "at most 1000000000.00 GBP"},
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, l, tc.command, tc.kind, tc.text)
			if _, v, err := l.Orders.Load(ctx(), order.Stream(tc.command.OrderID())); err != nil || v != 0 {
				t.Errorf("the order is at version %d, %v", v, err)
			}
		})
	}
}

func history(currency string, lines ...commands.OrderLine) commands.PlaceOrder {
	c := place("k", lines...)
	c.History = &commands.History{Currency: currency}
	return c
}

func huge() commands.OrderLine {
	price := int64(1) << 62
	return commands.OrderLine{SKU: "palace", Quantity: 1, PriceMinor: &price}
}

func TestHistoryBringsItsOwnPrices(t *testing.T) {
	l, _ := shop(t)
	price := int64(7)
	c := history("GBP", commands.OrderLine{SKU: "sofa", Name: "Sofa", Quantity: 3, PriceMinor: &price})
	do(t, l, c)
	s, _, err := l.Orders.Load(ctx(), order.Stream(c.OrderID()))
	if err != nil || s.Total != domain.GBP(21) || s.Lines[0].Name != "Sofa" {
		t.Errorf("%+v, %v", s, err)
	}
	other := int64(8)
	refused(t, l, history("GBP", commands.OrderLine{SKU: "sofa", Name: "Sofa", Quantity: 3, PriceMinor: &other}), domain.Mismatch, "")
}

func TestLargeOrderIsPriced(t *testing.T) {
	l, s := shop(t)
	lines := make([]commands.OrderLine, domain.MaxLines)
	for i := range lines {
		lines[i] = line("lantern", domain.MaxQuantity)
	}
	reads := s.Reads.Load()
	do(t, l, place("k1", lines...))
	if n := s.Reads.Load() - reads; n > 2 {
		t.Errorf("%d reads for %d lines of one article", n, len(lines))
	}
	do(t, l, place("k2", manyArticles(t, l, 300)...))
}

func manyArticles(t *testing.T, l *commands.Local, n int) []commands.OrderLine {
	lines := make([]commands.OrderLine, n)
	for i := range lines {
		lines[i] = line(domain.SKU(fmt.Sprintf("sku %d", i)), 1)
		do(t, l, commands.ListProduct{SKU: lines[i].SKU, Price: domain.GBP(1)})
	}
	return lines
}

// confirm takes an order to where its goods are the customer's.
func confirm(t *testing.T, l *commands.Local, c commands.PlaceOrder) domain.OrderID {
	t.Helper()
	id := do(t, l, c).Order
	do(t, l, commands.ReserveStock{Order: id, Warehouse: "main", Units: []inventory.Units{{SKU: "holder", Quantity: 2}}})
	_, _, err := l.Shipments.Transact(ctx(), shipment.Stream(id), aggregate.NewCause(id, "test"), shipment.Book(shipment.Booked{Tracking: "t"}))
	aggregatetest.Must(t, err)
	do(t, l, commands.ConfirmOrder{Order: id, PaymentReference: "p", Tracking: "t", EstimatedDelivery: noon})
	do(t, l, commands.CommitStock{Order: id, Warehouse: "main"})
	return id
}

func TestReserveTellsWhatIsMissing(t *testing.T) {
	l, _ := shop(t)
	reserve := commands.ReserveStock{Order: "o1", Warehouse: "main", Units: []inventory.Units{{SKU: "holder", Quantity: 11}}}
	want := []inventory.Shortage{{SKU: "holder", Wanted: 11, Available: 10}}
	for _, events := range []int{1, 0} {
		if r := do(t, l, reserve); !slices.Equal(r.Short, want) || r.Events != events {
			t.Errorf("reply = %+v", r)
		}
	}
	reserve.Order, reserve.Units[0].Quantity = "o2", 10
	if r := do(t, l, reserve); r.Short != nil || r.Events != 1 {
		t.Errorf("reply = %+v", r)
	}
	do(t, l, commands.ReleaseStock{Order: "o2", Warehouse: "main"})
	refused(t, l, reserve, domain.Rejected, "given up")
}

func TestCancelUntilTheParcelIsUnderway(t *testing.T) {
	l, _ := shop(t)
	id := confirm(t, l, place("k1", line("holder", 2)))
	other := confirm(t, l, place("k2", line("holder", 2)))
	do(t, l, commands.CancelOrder{Order: other, Detail: "changed my mind"})
	do(t, l, commands.CancelOrder{Order: other})
	do(t, l, commands.FinishCancel{Order: other})

	do(t, l, commands.DispatchShipment{Order: id})
	refused(t, l, commands.CancelOrder{Order: id}, domain.Rejected, "return")
	do(t, l, commands.DeliverShipment{Order: id})
	refused(t, l, commands.CancelOrder{Order: id}, domain.Rejected, "return")
	refused(t, l, commands.CancelOrder{Order: "ord_none"}, domain.NotFound, "")
}

func TestReturnRestocksOnce(t *testing.T) {
	l, _ := shop(t)
	id := confirm(t, l, place("k1", line("holder", 2)))
	for _, events := range []int{1, 0} {
		if r := do(t, l, commands.ReturnLines{Order: id, Return: "x1", Lines: []order.ReturnedLine{{Line: 0, Quantity: 1}}, ReturnedAt: noon}); r.Events != events {
			t.Errorf("return: %+v", r)
		}
		if r := do(t, l, commands.RestockReturn{Order: id, Warehouse: "main", Return: "x1", Units: []inventory.Units{{SKU: "holder", Quantity: 1}}}); r.Events != events {
			t.Errorf("restock: %+v", r)
		}
	}
	var level inventory.Level
	_, err := l.Stock.Do(ctx(), inventory.Stream("main"), aggregate.Cause{}, nil, func(s inventory.State) { level = s.Levels["holder"] })
	if err != nil || level != (inventory.Level{OnHand: 9}) {
		t.Errorf("%+v, %v", level, err)
	}
}

func TestStockCommands(t *testing.T) {
	l, _ := shop(t)
	delivery := []inventory.Units{{SKU: "holder", Quantity: 10}, {SKU: "lantern", Quantity: 5}}
	if r := do(t, l, commands.ReceiveStock{Receipt: "r1", Units: delivery}); r.Events != 0 {
		t.Errorf("received again: %+v", r)
	}
	refused(t, l, commands.ReceiveStock{Receipt: "r1", Units: delivery[:1]}, domain.Mismatch, "id of its own")
	do(t, l, commands.AdjustStock{Adjustment: "j1", SKU: "holder", Delta: -4})
	refused(t, l, commands.AdjustStock{Adjustment: "j2", SKU: "holder", Delta: -7}, domain.Rejected, "holder")
	refused(t, l, commands.ReceiveStock{Warehouse: "a\nb", Receipt: "r", Units: []inventory.Units{{SKU: "a", Quantity: 1}}}, domain.Invalid, "warehouse")
	if r := do(t, l, commands.ReceiveStock{Warehouse: "north", Receipt: "r1", Units: []inventory.Units{{SKU: "a", Quantity: 1}}}); r.Stream != "stock-north" || r.Version != 1 {
		t.Errorf("another warehouse: %+v", r)
	}
}

func TestLongNamesFit(t *testing.T) {
	l, _ := shop(t)
	long := strings.Repeat("é", domain.MaxNameBytes/2)
	c := place(long, line("holder", 1))
	c.Customer = domain.CustomerID(long)
	id := do(t, l, c).Order
	do(t, l, commands.ResumeFulfilment{Order: id, By: long})
	refused(t, l, commands.FinishCancel{Order: domain.OrderID(strings.Repeat("x", 1<<20))}, domain.Invalid, "")
	refused(t, l, commands.FinishCancel{}, domain.Invalid, "name")
}

func TestRejectAndResume(t *testing.T) {
	l, _ := shop(t)
	id := do(t, l, place("k1", line("holder", 2))).Order
	do(t, l, commands.RejectOrder{Order: id, Reason: domain.OutOfStock})
	refused(t, l, commands.ConfirmOrder{Order: id}, domain.Rejected, "")
	_, _, err := l.Fulfilments.Transact(ctx(), fulfilment.Stream(id), aggregate.NewCause(id, "test"), fulfilment.CallAttention(fulfilment.StepCharge, "stuck"))
	aggregatetest.Must(t, err)
	refused(t, l, commands.ResumeFulfilment{Order: id}, domain.Invalid, "operator")
	if r := do(t, l, commands.ResumeFulfilment{Order: id, By: "ann"}); r.Events != 1 {
		t.Errorf("%+v", r)
	}
}

func TestOriginTravelsIntoTheEvents(t *testing.T) {
	l, s := shop(t)
	o := commands.Origin{Actor: "operator:ann", Causation: "request-1", Trace: "00-1"}
	r, err := l.Send(commands.WithOrigin(ctx(), o), commands.RepriceProduct{SKU: "holder", Price: domain.GBP(1)})
	aggregatetest.Must(t, err)
	for rec := range s.Log.Read(ctx(), r.Stream, 1) {
		want := eventlog.Meta{Command: rec.Meta.Command, Actor: o.Actor, Causation: o.Causation, Trace: o.Trace}
		if rec.Meta != want || rec.Meta.Command == "" {
			t.Errorf("meta = %+v", rec.Meta)
		}
	}
}

func TestObserverIsToldOfEveryCommand(t *testing.T) {
	l, _ := shop(t)
	var told []string
	l.Observe = func(_ context.Context, c commands.Command, err error) {
		told = append(told, fmt.Sprint(c.CommandName(), " ", err != nil))
	}
	do(t, l, commands.DelistProduct{SKU: "holder"})
	refused(t, l, commands.DelistProduct{SKU: "sofa"}, domain.NotFound, "")
	if !slices.Equal(told, []string{"delist_product false", "delist_product true"}) {
		t.Errorf("told of %v", told)
	}
}

func TestNobodyRefuses(t *testing.T) {
	refused(t, commands.Nobody{}, commands.DelistProduct{}, domain.Unavailable, "delist_product")
}
