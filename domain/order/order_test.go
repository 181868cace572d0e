package order_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/decider/decidertest"
	"orderflow/domain/eventlog/eventlogtest"
	"orderflow/domain/order"
)

var (
	noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

	placed = order.Placed{
		Order: "ord_1", Customer: "17850", Warehouse: "main", PaymentToken: "tok_1", Fingerprint: "f1", PlacedAt: noon, Origin: order.OriginAPI,
		Lines: lines, Total: domain.GBP(2208),
	}
	confirmed       = order.Confirmed{PaymentReference: "pay_1", Tracking: "trk_1", EstimatedDelivery: noon}
	rejected        = order.Rejected{Reason: domain.OutOfStock, Detail: "85123A"}
	cancelRequested = order.CancelRequested{Reason: domain.CustomerAsked, Detail: "too late"}
	cancelled       = order.Cancelled{Reason: domain.CustomerAsked}
	returned        = order.LinesReturned{Return: "r1", Lines: []order.ReturnedLine{{Line: 0, Quantity: 2}}, Refund: domain.GBP(510), ReturnedAt: noon}
)

// The lives an order can have led, by the status they end in.
var lives = map[order.Status][]order.Event{
	order.StatusNew:        nil,
	order.StatusPlaced:     {placed},
	order.StatusConfirmed:  {placed, confirmed},
	order.StatusRejected:   {placed, rejected},
	order.StatusCancelling: {placed, cancelRequested},
	order.StatusCancelled:  {placed, cancelRequested, cancelled},
}

func given(t *testing.T, s order.Status) *decidertest.Scenario[order.State, order.Event] {
	return decidertest.For(t, order.Decider).Given(lives[s]...)
}

// Every decision in every status: the events, none, or the kind of refusal.
func TestEveryDecisionInEveryStatus(t *testing.T) {
	const none = domain.Kind(99)
	for _, tc := range []struct {
		name   string
		decide order.Decision
		event  order.Event
		in     map[order.Status]domain.Kind // where it does not yield the event
	}{
		{"place", order.Place(placed), placed, map[order.Status]domain.Kind{
			order.StatusPlaced: none, order.StatusConfirmed: none, order.StatusRejected: none, order.StatusCancelling: none, order.StatusCancelled: none,
		}},
		{"confirm", order.Confirm(confirmed), confirmed, map[order.Status]domain.Kind{
			order.StatusNew: domain.NotFound, order.StatusConfirmed: none,
			order.StatusRejected: domain.Rejected, order.StatusCancelling: domain.Rejected, order.StatusCancelled: domain.Rejected,
		}},
		{"reject", order.Reject(rejected.Reason, rejected.Detail), rejected, map[order.Status]domain.Kind{
			order.StatusNew: domain.NotFound, order.StatusRejected: none,
			order.StatusConfirmed: domain.Rejected, order.StatusCancelling: domain.Rejected, order.StatusCancelled: domain.Rejected,
		}},
		{"request cancel", order.RequestCancel(cancelRequested.Reason, cancelRequested.Detail), cancelRequested, map[order.Status]domain.Kind{
			order.StatusNew: domain.NotFound, order.StatusCancelling: none, order.StatusCancelled: none, order.StatusRejected: domain.Rejected,
		}},
		{"cancel", order.Cancel(), cancelled, map[order.Status]domain.Kind{
			order.StatusNew: domain.NotFound, order.StatusCancelled: none,
			order.StatusPlaced: domain.Rejected, order.StatusConfirmed: domain.Rejected, order.StatusRejected: domain.Rejected,
		}},
		{"return", order.ReturnLines("r1", returned.Lines, noon), returned, map[order.Status]domain.Kind{
			order.StatusNew: domain.NotFound, order.StatusPlaced: domain.Rejected, order.StatusRejected: domain.Rejected,
			order.StatusCancelling: domain.Rejected, order.StatusCancelled: domain.Rejected,
		}},
	} {
		for status := range lives {
			t.Run(tc.name+" when "+string(status), func(t *testing.T) {
				when := given(t, status).When(tc.decide)
				switch kind, differs := tc.in[status]; {
				case !differs:
					when.Then(tc.event)
				case kind == none:
					when.Then()
				default:
					when.ThenFails(kind)
				}
			})
		}
	}
}

func TestPlaceAddsUp(t *testing.T) {
	p := placed
	p.Total = domain.Money{Minor: 1, Currency: "GBP"} // what the caller says does not count
	given(t, order.StatusNew).When(order.Place(p)).Then(placed)
}

func TestSameKeyWithAnotherBody(t *testing.T) {
	p := placed
	p.Fingerprint = "f2"
	for _, status := range []order.Status{order.StatusPlaced, order.StatusConfirmed, order.StatusRejected, order.StatusCancelling, order.StatusCancelled} {
		given(t, status).When(order.Place(p)).ThenFails(domain.Mismatch)
	}
}

func TestRepeatIsTheSameWhateverItCostsNow(t *testing.T) {
	p := placed
	p.Lines = []order.Line{{SKU: "85123A", Quantity: 6, PriceMinor: 999}}
	given(t, order.StatusPlaced).When(order.Place(p)).Then()
}

func TestPlaceRefuses(t *testing.T) {
	for name, spoil := range map[string]func(p *order.Placed){
		"no line":        func(p *order.Placed) { p.Lines = nil },
		"too many lines": func(p *order.Placed) { p.Lines = make([]order.Line, domain.MaxLines+1) },
		"no units":       func(p *order.Placed) { p.Lines[1].Quantity = 0 },
		"negative units": func(p *order.Placed) { p.Lines[1].Quantity = -1 },
		"too many units": func(p *order.Placed) { p.Lines[1].Quantity = domain.MaxQuantity + 1 },
		"negative price": func(p *order.Placed) { p.Lines[0].PriceMinor = -1 },
		"price too high": func(p *order.Placed) { p.Lines[0].PriceMinor = domain.MaxPriceMinor + 1 },
		"total too high": func(p *order.Placed) {
			p.Lines[0].Quantity, p.Lines[0].PriceMinor = 10, domain.MaxPriceMinor
			p.Lines[1].Quantity, p.Lines[1].PriceMinor = 1, 1
		},
		"line overflows":      func(p *order.Placed) { p.Lines[0].PriceMinor = math.MaxInt64 / 2 },
		"sum overflows":       func(p *order.Placed) { p.Lines[0].PriceMinor, p.Lines[1].PriceMinor = math.MaxInt64/6, math.MaxInt64/2 },
		"no currency":         func(p *order.Placed) { p.Total.Currency = "" },
		"no customer":         func(p *order.Placed) { p.Customer = "" },
		"no order":            func(p *order.Placed) { p.Order = "" },
		"no warehouse":        func(p *order.Placed) { p.Warehouse = "" },
		"no payment token":    func(p *order.Placed) { p.PaymentToken = "" },
		"no SKU":              func(p *order.Placed) { p.Lines[0].SKU = "" },
		"SKU with a newline":  func(p *order.Placed) { p.Lines[0].SKU = "a\nb" },
		"name with a newline": func(p *order.Placed) { p.Lines[0].Name = "a\nb" },
	} {
		t.Run(name, func(t *testing.T) {
			p := placed
			p.Lines = append([]order.Line(nil), placed.Lines...)
			spoil(&p)
			given(t, order.StatusNew).When(order.Place(p)).ThenFails(domain.Invalid)
		})
	}
}

func TestLargestOrder(t *testing.T) {
	p := placed
	p.Lines = nil
	const price = domain.MaxTotalMinor / domain.MaxLines / domain.MaxQuantity
	for range domain.MaxLines {
		p.Lines = append(p.Lines, order.Line{SKU: "x", Quantity: domain.MaxQuantity, PriceMinor: price})
	}
	p.Total = domain.GBP(domain.MaxTotalMinor)
	given(t, order.StatusNew).When(order.Place(p)).Then(p)
}

// An order from before the limits comes back in parts that keep them.
func TestReturnOfAnOrderFromBeforeTheLimits(t *testing.T) {
	old := placed
	old.Lines, old.Total = []order.Line{{SKU: "palace", Quantity: 10, PriceMinor: domain.MaxTotalMinor / 5}}, domain.GBP(2*domain.MaxTotalMinor)
	some := func(n int64) []order.ReturnedLine { return []order.ReturnedLine{{Line: 0, Quantity: n}} }
	s := func() *decidertest.Scenario[order.State, order.Event] {
		return decidertest.For(t, order.Decider).Given(old, confirmed)
	}
	s().When(order.ReturnLines("r1", some(10), noon)).ThenFails(domain.Invalid)
	s().When(order.ReturnLines("r1", some(5), noon)).
		Then(order.LinesReturned{Return: "r1", Lines: some(5), Refund: domain.GBP(domain.MaxTotalMinor), ReturnedAt: noon})
}

func TestReturnInParts(t *testing.T) {
	confirmed := lives[order.StatusConfirmed]
	rest := []order.ReturnedLine{{Line: 1, Quantity: 2}, {Line: 0, Quantity: 4}}
	second := order.LinesReturned{Return: "r2", Lines: rest, Refund: domain.GBP(2*339 + 4*255), ReturnedAt: noon}
	after := func(events ...order.Event) *decidertest.Scenario[order.State, order.Event] {
		return decidertest.For(t, order.Decider).Given(append(confirmed[:2:2], events...)...)
	}
	after(returned).When(order.ReturnLines("r2", rest, noon)).Then(second)
	after(returned).When(order.ReturnLines("r1", returned.Lines, noon.Add(time.Hour))).Then()
	after(returned).When(order.ReturnLines("r1", rest, noon)).ThenFails(domain.Mismatch)
	after(returned).When(order.ReturnLines("r2", []order.ReturnedLine{{Line: 0, Quantity: 5}}, noon)).ThenFails(domain.Rejected)
	after(returned, second).When(order.ReturnLines("r3", []order.ReturnedLine{{Line: 1, Quantity: 1}}, noon)).ThenFails(domain.Rejected)
	after(returned).When(order.RequestCancel(domain.CustomerAsked, "")).ThenFails(domain.Rejected)
}

func TestReturnRefuses(t *testing.T) {
	for name, r := range map[string]struct {
		id    string
		lines []order.ReturnedLine
	}{
		"no id":          {"", []order.ReturnedLine{{Line: 0, Quantity: 1}}},
		"no line":        {"r", nil},
		"unknown line":   {"r", []order.ReturnedLine{{Line: 2, Quantity: 1}}},
		"negative line":  {"r", []order.ReturnedLine{{Line: -1, Quantity: 1}}},
		"no units":       {"r", []order.ReturnedLine{{Line: 0, Quantity: 0}}},
		"a line twice":   {"r", []order.ReturnedLine{{Line: 0, Quantity: 1}, {Line: 0, Quantity: 1}}},
		"too many lines": {"r", make([]order.ReturnedLine, domain.MaxLines+1)},
	} {
		t.Run(name, func(t *testing.T) {
			given(t, order.StatusConfirmed).When(order.ReturnLines(r.id, r.lines, noon)).ThenFails(domain.Invalid)
		})
	}
}

func TestCancelRefusesALongReason(t *testing.T) {
	given(t, order.StatusPlaced).When(order.RequestCancel(domain.CustomerAsked, strings.Repeat("x", domain.MaxTextBytes+1))).ThenFails(domain.Invalid)
}

func TestReturnable(t *testing.T) {
	s := order.Decider.Fold(order.State{}, placed, confirmed, returned)
	for line, want := range map[int]int64{-1: 0, 0: 4, 1: 2, 2: 0} {
		if got := s.Returnable(line); got != want {
			t.Errorf("Returnable(%d) = %d, want %d", line, got, want)
		}
	}
}

func TestEndedStatuses(t *testing.T) {
	for status := range lives {
		want := status == order.StatusConfirmed || status == order.StatusRejected || status == order.StatusCancelled
		if status.Ended() != want {
			t.Errorf("%q ended = %v", status, status.Ended())
		}
	}
}

func TestStoredForms(t *testing.T) {
	eventlogtest.Golden[order.Event](t, order.Codec, placed, confirmed, rejected, cancelRequested, cancelled, returned,
		order.Placed{
			Order: "ord_2", Customer: "guest-1", Warehouse: "main", PaymentToken: "t", Fingerprint: "f", Origin: order.OriginImport,
			Lines: []order.Line{{SKU: "BANK CHARGES", Quantity: 1, PriceMinor: 0}}, Total: domain.GBP(0), PlacedAt: noon,
		},
		order.Rejected{Reason: domain.PaymentDeclined}, order.CancelRequested{Reason: domain.OperatorAsked})
}
