package retail

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"orderflow/commands"
	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/inventory"
	"orderflow/internal/backoff"
	"orderflow/internal/pause"
)

// Limits of an import.
const (
	// MaxUnderWay bounds the orders and returns of an import that are not yet settled.
	MaxUnderWay = 512
	// StallAfter is how long nothing may happen before an import gives up: well
	// above what a breaker stays open and a payment is put off.
	StallAfter = 5 * time.Minute
	// maxNamed bounds the invoices named in an error.
	maxNamed = 10
)

// Import replays a History. Log must be the log that Bus appends to, and
// a process with the sagas role must run.
type Import struct {
	Bus commands.Bus
	Log eventlog.Store
	// Stock is how many units of each article are received first; 0 receives
	// what the file sells.
	Stock int64
	// Progress is told how many invoices are settled, if it is not nil.
	Progress func(settled, of int)
	// StallAfter and UnderWay replace the limits of the same name if above 0.
	StallAfter time.Duration
	UnderWay   int
}

// Run receives the stock, lists the articles, places every sale and makes every
// return, and ends when all that came of it is settled. What an earlier run
// did is found done. An order that stands still is Unavailable and named.
func (i Import) Run(ctx context.Context, h History) (Report, error) {
	if i.StallAfter == 0 {
		i.StallAfter = StallAfter
	}
	if i.UnderWay == 0 {
		i.UnderWay = MaxUnderWay
	}
	ctx, stop := context.WithCancel(ctx)
	r := newReplay(i, h)
	defer r.sending.Wait()
	defer stop()
	last, err := r.catchUp(ctx)
	if err != nil {
		return Report{}, err
	}
	if err := i.prepare(ctx, h); err != nil {
		return Report{}, err
	}
	if err := r.readStock(ctx); err != nil {
		return Report{}, err
	}
	r.sending.Go(func() { r.follow(ctx, last) })
	if err := r.loop(ctx); err != nil {
		return Report{}, err
	}
	return r.ledger.report(h, r.unmatched)
}

// prepare receives stock and lists articles; both are no news the second time.
func (i Import) prepare(ctx context.Context, h History) error {
	for n, units := range i.receipts(h.Articles) {
		receipt := fmt.Sprintf("online-retail-%s-%d", i.mode(), n)
		if err := i.send(ctx, commands.ReceiveStock{Receipt: receipt + "-" + contents(units), Units: units}); err != nil {
			return err
		}
	}
	return i.list(ctx, h.Articles)
}

func (i Import) mode() string {
	if i.Stock == 0 {
		return "auto"
	}
	return strconv.FormatInt(i.Stock, 10)
}

// contents tells the receipts of different files apart.
func contents(units []inventory.Units) string {
	parts := make([]string, 0, 2*len(units))
	for _, u := range units {
		parts = append(parts, string(u.SKU), strconv.FormatInt(u.Quantity, 10))
	}
	return domain.Digest(parts...)
}

func (i Import) receipts(articles []Article) (receipts [][]inventory.Units) {
	for n, a := range articles {
		if n%domain.MaxLines == 0 {
			receipts = append(receipts, nil)
		}
		units := inventory.Units{SKU: a.SKU, Quantity: i.Stock}
		if i.Stock == 0 {
			units.Quantity = a.Sold
		}
		last := len(receipts) - 1
		receipts[last] = append(receipts[last], units)
	}
	return receipts
}

// list puts every article on sale at its first price. One that is listed
// already keeps a price that was changed since.
func (i Import) list(ctx context.Context, articles []Article) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var all sync.WaitGroup
	slots := make(chan struct{}, i.UnderWay)
	for _, a := range articles {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			err := i.send(ctx, commands.ListProduct{SKU: a.SKU, Name: a.Name, Price: domain.Money{Minor: a.PriceMinor, Currency: Currency}})
			if kind := domain.KindOf(err); err != nil && kind != domain.Rejected && kind != domain.Conflict {
				stop(err)
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

// Limits of sending one command again.
const (
	maxSends   = 8
	firstPause = 50 * time.Millisecond // doubles: some 6 s in all
)

// send sends a command again that may not have happened: all are safe to repeat.
func (i Import) send(ctx context.Context, c commands.Command) (err error) {
	rest := backoff.Policy{First: firstPause}.Sequence()
	for tries := 1; ; tries++ {
		_, err = i.Bus.Send(ctx, c)
		switch domain.KindOf(err) {
		case domain.Unavailable, domain.Unknown, domain.Exhausted, domain.Conflict:
		default:
			return err
		}
		if tries == maxSends {
			return err
		}
		if err := pause.For(ctx, rest.NextBackOff()); err != nil {
			return err
		}
	}
}
