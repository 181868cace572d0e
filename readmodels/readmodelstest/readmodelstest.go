// Package readmodelstest is the one contract that everything answering the
// questions of package readmodels passes.
package readmodelstest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/readmodels"
)

// Run checks readers; open returns new empty ones and a way to fill them.
func Run(t *testing.T, open func(t *testing.T) (readmodels.Readers, func(readmodels.Rows))) {
	for name, check := range map[string]func(*testing.T, readmodels.Readers, func(readmodels.Rows)){
		"every field of a row comes back":         everyField,
		"what is not there is NotFound":           notFound,
		"pages of orders neither lose nor repeat": pagesOfOrders,
		"a cursor of one's own making is Invalid": foreignCursor,
		"an order of 2,000 lines comes back":      longOrder,
		"standing finds what is silent":           standing,
		"payments that wait are counted":          waitingPayments,
		"stock and products come by SKU":          listsBySKU,
		"sales come by day and currency":          sales,
	} {
		t.Run(name, func(t *testing.T) {
			r, put := open(t)
			check(t, r, func(rows readmodels.Rows) { put(whole(rows)) })
		})
	}
}

// whole adds the orders that are not there of work that is: in a log there is
// none without its order.
func whole(r readmodels.Rows) readmodels.Rows {
	orders := slices.Clone(readmodels.OrderView.In(r))
	for _, f := range readmodels.FulfilmentView.In(r) {
		if !slices.ContainsFunc(orders, func(o readmodels.Order) bool { return o.ID == f.Order }) {
			orders = append(orders, readmodels.Order{ID: f.Order})
		}
	}
	all := readmodels.OrderView.Rows(orders...)
	for view, rows := range r {
		if view != readmodels.Table(readmodels.OrderView) {
			all[view] = rows
		}
	}
	return all
}

func at(minutes int) time.Time {
	return time.Date(2011, 3, 4, 5, 6, 7, 8_000, time.UTC).Add(time.Duration(minutes) * time.Minute)
}

func orderOf(i int) readmodels.Order {
	return readmodels.Order{
		ID: domain.OrderID(fmt.Sprintf("ord_%03d", i)), Customer: "c'1", Warehouse: "main", Status: readmodels.OrderRejected,
		Reason: domain.OutOfStock, Detail: "so \"short\"", Lines: []readmodels.OrderLine{{SKU: "BANK CHARGES", Name: "ü", Quantity: 3, PriceMinor: 255, Returned: 1}},
		Total: domain.GBP(765), Refunded: domain.GBP(255), PaymentReference: "p", Tracking: "t", EstimatedDelivery: at(99),
		Origin: "import", PlacedAt: at(i), UpdatedAt: at(i + 1), Version: 3, Position: 42,
	}
}

func everyField(t *testing.T, r readmodels.Readers, put func(readmodels.Rows)) {
	o := orderOf(1)
	p := readmodels.Payment{
		Order: o.ID, Status: readmodels.PaymentRefunding, Amount: domain.GBP(1), Captured: domain.GBP(2), Refunded: domain.GBP(3),
		Attempts: 4, Gateway: "stripe", Reference: "ref", Reason: "timeout", RetryAt: at(1), UpdatedAt: at(2), Position: 5,
	}
	f := readmodels.Fulfilment{
		Order: o.ID, Phase: readmodels.PhaseCompensating, Reason: domain.CustomerAsked, AttentionStep: "refund", AttentionReason: "gone",
		PendingReturns: 2, CancelAsked: true, StartedAt: at(1), UpdatedAt: at(2), QuietUntil: at(3), Position: 6,
	}
	d := readmodels.SalesDay{Day: readmodels.Day(at(0)), Currency: "GBP", Placed: 1, Orders: 2, Units: 3, RevenueMinor: 4, RefundedMinor: 5, Rejected: 6, Cancelled: 7, Position: 8}
	s := readmodels.Stock{Warehouse: "main", SKU: "a b", Received: 1, Adjusted: -2, Reserved: 3, Released: 4, Committed: 5, Returned: 6, Position: 7}
	a := readmodels.Product{SKU: "a b", Name: "n", Price: domain.GBP(9), Listed: true, Version: 2, Position: 3}
	rows := readmodels.OrderView.Rows(o)
	readmodels.PaymentView.Add(&rows, p)
	readmodels.FulfilmentView.Add(&rows, f)
	readmodels.SalesView.Add(&rows, d)
	readmodels.StockView.Add(&rows, s)
	readmodels.ProductView.Add(&rows, a)
	put(rows)

	ctx := t.Context()
	gotOrder, err := r.Order(ctx, o.ID)
	same(t, gotOrder, o, err)
	gotPayment, err := r.Payment(ctx, o.ID)
	same(t, gotPayment, p, err)
	gotWork, err := r.Fulfilment(ctx, o.ID)
	same(t, gotWork, f, err)
	gotDays, err := r.Sales(ctx, at(0), at(0).AddDate(0, 0, 1))
	same(t, gotDays, []readmodels.SalesDay{d}, err)
	gotStock, err := r.Stock(ctx, "main", "a b")
	same(t, gotStock, s, err)
	gotProduct, err := r.Product(ctx, "a b")
	same(t, gotProduct, a, err)
}

func same[V any](t *testing.T, have, want V, err error) {
	t.Helper()
	if h, w := fmt.Sprintf("%+v", have), fmt.Sprintf("%+v", want); err != nil || h != w {
		t.Errorf("have %s (error %v)\nwant %s", h, err, w)
	}
}

func notFound(t *testing.T, r readmodels.Readers, _ func(readmodels.Rows)) {
	ctx := t.Context()
	_, order := r.Order(ctx, "x")
	_, payment := r.Payment(ctx, "x")
	_, work := r.Fulfilment(ctx, "x")
	_, stock := r.Stock(ctx, "main", "x")
	_, product := r.Product(ctx, "x")
	for i, err := range []error{order, payment, work, stock, product} {
		if domain.KindOf(err) != domain.NotFound {
			t.Errorf("question %d answers %v, not NotFound", i, err)
		}
	}
	page, err := r.Orders(ctx, readmodels.OrderQuery{})
	if err != nil || len(page.Orders) != 0 || page.Next != "" {
		t.Errorf("the list of nothing is %+v, %v", page, err)
	}
}

// pagesOfOrders places orders in threes at the same time, and walks every
// filter in pages of two.
func pagesOfOrders(t *testing.T, r readmodels.Readers, put func(readmodels.Rows)) {
	var all []readmodels.Order
	for i := range 30 {
		o := orderOf(i)
		o.PlacedAt = at(i / 3)
		if i%2 == 0 {
			o.Customer = "other"
		}
		if i%5 == 0 {
			o.Status = readmodels.OrderConfirmed
		}
		all = append(all, o)
	}
	put(readmodels.OrderView.Rows(all...))
	slices.Reverse(all) // newest first; at the same time the greater id first
	for _, q := range []readmodels.OrderQuery{
		{},
		{Customer: "other"},
		{Status: readmodels.OrderConfirmed},
		{Customer: "other", Status: readmodels.OrderConfirmed},
		{From: at(2), Until: at(5)},
		{Customer: "other", From: at(2).Add(time.Nanosecond), Until: at(5).Add(time.Nanosecond)},
	} {
		var want []domain.OrderID
		for _, o := range all {
			if (q.Customer == "" || q.Customer == o.Customer) && (q.Status == "" || q.Status == o.Status) &&
				(q.From.IsZero() || !o.PlacedAt.Before(q.From)) && (q.Until.IsZero() || o.PlacedAt.Before(q.Until)) {
				want = append(want, o.ID)
			}
		}
		if have := walk(t, r, q); len(want) == 0 || !slices.Equal(have, want) {
			t.Errorf("%+v\nhave %v\nwant %v", q, have, want)
		}
	}
}

func walk(t *testing.T, r readmodels.Readers, q readmodels.OrderQuery) (ids []domain.OrderID) {
	t.Helper()
	q.Limit = 2
	for {
		page, err := r.Orders(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Orders) > 2 {
			t.Fatalf("a page of 2 has %d rows", len(page.Orders))
		}
		for _, o := range page.Orders {
			ids = append(ids, o.ID)
		}
		if page.Next == "" {
			return ids
		}
		q.After = page.Next
	}
}

func foreignCursor(t *testing.T, r readmodels.Readers, _ func(readmodels.Rows)) {
	for _, cursor := range []string{"x", "!", "MTIz", "IG9yZF8x"} {
		if _, err := r.Orders(t.Context(), readmodels.OrderQuery{After: cursor}); domain.KindOf(err) != domain.Invalid {
			t.Errorf("the cursor %q answers %v, not Invalid", cursor, err)
		}
	}
}

func longOrder(t *testing.T, r readmodels.Readers, put func(readmodels.Rows)) {
	o := orderOf(1)
	o.Lines = nil
	for i := range domain.MaxLines {
		o.Lines = append(o.Lines, readmodels.OrderLine{SKU: domain.SKU(fmt.Sprintf("SKU-%d", i)), Quantity: domain.MaxQuantity, PriceMinor: 1 << 40})
	}
	put(readmodels.OrderView.Rows(o))
	have, err := r.Order(t.Context(), o.ID)
	same(t, have, o, err)
}

func standing(t *testing.T, r readmodels.Readers, put func(readmodels.Rows)) {
	put(readmodels.FulfilmentView.Rows([]readmodels.Fulfilment{
		{Order: "late", Phase: readmodels.PhaseReserving, UpdatedAt: at(2), QuietUntil: at(2)},
		{Order: "later", Phase: readmodels.PhaseCompensating, UpdatedAt: at(1), QuietUntil: at(1)},
		{Order: "waits", Phase: readmodels.PhaseCharging, UpdatedAt: at(1), QuietUntil: at(9)},
		{Order: "fresh", Phase: readmodels.PhaseCharging, UpdatedAt: at(5), QuietUntil: at(5)},
		{Order: "done", Phase: readmodels.PhaseFulfilled, Finished: true, UpdatedAt: at(1), QuietUntil: at(1)},
		{Order: "stuck", Phase: readmodels.PhaseCharging, AttentionStep: "charge", UpdatedAt: at(1), QuietUntil: at(1)},
	}...))
	have, err := r.Stalled(t.Context(), at(5), 10)
	same(t, have, []domain.OrderID{"later", "late"}, err)
	have, err = r.Stalled(t.Context(), at(5), 1)
	same(t, have, []domain.OrderID{"later"}, err)
	stuck, err := r.NeedingAttention(t.Context(), 10)
	if err != nil || len(stuck) != 1 || stuck[0].Order != "stuck" {
		t.Errorf("needing attention are %+v, %v", stuck, err)
	}
	unfinished, attention, err := r.Unfinished(t.Context())
	if err != nil || unfinished != 5 || attention != 1 {
		t.Errorf("unfinished are %d, of which %d need attention; %v", unfinished, attention, err)
	}
}

func waitingPayments(t *testing.T, r readmodels.Readers, put func(readmodels.Rows)) {
	n, oldest, err := r.Waiting(t.Context())
	if err != nil || n != 0 || !oldest.IsZero() {
		t.Errorf("without orders %d wait, since %v; %v", n, oldest, err)
	}
	put(readmodels.OrderView.Rows([]readmodels.Order{
		{ID: "later", Status: readmodels.OrderPendingPayment, PlacedAt: at(3)},
		{ID: "first", Status: readmodels.OrderPendingPayment, PlacedAt: at(2)},
		{ID: "settled", Status: readmodels.OrderConfirmed, PlacedAt: at(1)},
	}...))
	if n, oldest, err = r.Waiting(t.Context()); err != nil || n != 2 || !oldest.Equal(at(2)) {
		t.Errorf("%d wait, since %v; %v", n, oldest, err)
	}
}

func listsBySKU(t *testing.T, r readmodels.Readers, put func(readmodels.Rows)) {
	var rows readmodels.Rows
	for _, sku := range []domain.SKU{"b", "a", "C", "a b", "é"} {
		readmodels.StockView.Add(&rows, readmodels.Stock{Warehouse: "main", SKU: sku}, readmodels.Stock{Warehouse: "other", SKU: sku})
		readmodels.ProductView.Add(&rows, readmodels.Product{SKU: sku, Listed: sku != "a"})
	}
	put(rows)
	want := []domain.SKU{"C", "a", "a b", "b", "é"}
	var have []domain.SKU
	for after := domain.SKU(""); ; {
		page, err := r.Stocks(t.Context(), readmodels.StockQuery{Warehouse: "main", After: after, Limit: 2})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range page.Stock {
			have = append(have, s.SKU)
		}
		if after = page.Next; after == "" {
			break
		}
	}
	same(t, have, want, nil)
	have = nil
	for after := domain.SKU(""); ; {
		page, err := r.Products(t.Context(), readmodels.ProductQuery{Listed: true, After: after, Limit: 2})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range page.Products {
			have = append(have, p.SKU)
		}
		if after = page.Next; after == "" {
			break
		}
	}
	same(t, have, []domain.SKU{"C", "a b", "b", "é"}, nil)
}

func sales(t *testing.T, r readmodels.Readers, put func(readmodels.Rows)) {
	day := readmodels.Day(at(0))
	var rows readmodels.Rows
	for i := range 3 {
		for _, currency := range []string{"GBP", "EUR"} {
			readmodels.SalesView.Add(&rows, readmodels.SalesDay{Day: day.AddDate(0, 0, i), Currency: currency, Orders: int64(i)})
		}
	}
	put(rows)
	all := readmodels.SalesView.In(rows)
	have, err := r.Sales(t.Context(), day.Add(3*time.Hour), day.AddDate(0, 0, 2))
	same(t, have, []readmodels.SalesDay{all[1], all[0], all[3], all[2]}, err)
}
