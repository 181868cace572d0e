package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"orderflow/cmd/orderflow/internal/client"
	"orderflow/cmd/orderflow/internal/node"
	"orderflow/cmd/orderflow/internal/terminal"
	"orderflow/domain"
	"orderflow/infra/simulator"
)

// Limits of the demonstration's customers.
const (
	demoClients  = 8
	demoLookTime = 100 * time.Millisecond // between two looks at what is unfinished
)

// play is one demonstration: what was asked for and what was answered first.
type play struct {
	api    *client.Client
	run    string // keeps the keys of one run apart from another's
	chance *mathrand.Rand
	shop   []goods

	mu      sync.Mutex
	answers []client.Result
	asked   int
}

func newPlay(api *client.Client, seed uint64) *play {
	return &play{api: api, run: rand.Text(), chance: mathrand.New(mathrand.NewPCG(seed, 0)), shop: demoGoods()} //nolint:gosec // not a secret
}

// furnish puts the goods on sale and receives stock.
func (p *play) furnish(ctx context.Context, s terminal.Streams, orders int) error {
	var delivery client.ReceiptBody
	for i, g := range p.shop {
		body := client.ProductBody{SKU: g.sku, Name: g.name, Price: g.price()}
		if err := p.api.Do(ctx, client.Request{Method: http.MethodPost, Path: "/v1/products", Body: body}, nil); err != nil {
			return err
		}
		n := int64(min(orders*plentyUnits, domain.MaxQuantity))
		if i == len(p.shop)-1 {
			n = scarceUnits
		}
		delivery.Units = append(delivery.Units, client.PlaceLine{SKU: g.sku, Quantity: n})
	}
	fmt.Fprintf(s.Out, "%d products on sale, stock received; of %s there are only %d.\n", len(p.shop), p.shop[len(p.shop)-1].name, scarceUnits)
	return p.api.Do(ctx, client.Request{Method: http.MethodPost, Path: "/v1/stock/receipts", Body: delivery, Key: p.run}, nil)
}

// placeAll places n orders, several customers at a time.
func (p *play) placeAll(ctx context.Context, n int, bar *terminal.Progress) error {
	customers, ctx := errgroup.WithContext(ctx)
	customers.SetLimit(demoClients)
	for range n {
		p.asked++
		body, key := draw(p.chance, p.shop), fmt.Sprintf("%s-%d", p.run, p.asked)
		customers.Go(func() error { return p.place(ctx, body, key, bar) })
	}
	return customers.Wait()
}

func (p *play) place(ctx context.Context, body client.PlaceBody, key string, bar *terminal.Progress) error {
	var r client.Result
	if err := p.api.Do(ctx, client.Request{Method: http.MethodPost, Path: "/v1/orders", Body: body, Key: key, Wait: client.OutcomeWait}, &r); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers = append(p.answers, r)
	bar.Set(int64(len(p.answers)))
	return nil
}

// outage places n orders while the payment gateway refuses every connection:
// the breaker opens, and the orders wait for their payment.
func (p *play) outage(ctx context.Context, app *node.App, n int, bar *terminal.Progress) error {
	app.Simulator.SetOutage(simulator.Payment, simulator.Default, simulator.Unavailable)
	defer app.Simulator.SetOutage(simulator.Payment, simulator.Default, simulator.Work)
	return p.placeAll(ctx, n, bar)
}

// changeMinds returns a unit of one confirmed order and cancels another.
func (p *play) changeMinds(ctx context.Context) error {
	var confirmed []string
	for _, r := range p.answers {
		if r.Status == client.ResultSuccess {
			confirmed = append(confirmed, r.OrderID)
		}
	}
	if len(confirmed) < 2 {
		return nil
	}
	back := map[string]any{"lines": []client.ReturnLine{{Line: 0, Quantity: 1}}}
	if err := p.api.Do(ctx, client.Request{Method: http.MethodPost, Path: client.OrderPath(confirmed[0]) + "/returns", Body: back, Key: p.run}, nil); err != nil {
		return err
	}
	return p.api.Do(ctx, client.Request{Method: http.MethodPost, Path: client.OrderPath(confirmed[1]) + "/cancel"}, nil)
}

// settle waits until no order has work left.
func (p *play) settle(ctx context.Context, s terminal.Streams) error {
	limit, cancel := context.WithTimeout(ctx, demoSettleTime)
	defer cancel()
	bar := terminal.NewProgress(s.Err, "settling; the gateway is back and its breaker tries again", 0)
	defer bar.End()
	look := time.NewTicker(demoLookTime)
	defer look.Stop()
	for {
		open, attention, err := p.unfinished(limit)
		switch {
		case err == nil && open == attention:
			return nil
		case err == nil:
			bar.Set(int64(p.asked) - open)
		case limit.Err() == nil:
			return err
		}
		select {
		case <-look.C:
		case <-limit.Done():
			if err := ctx.Err(); err != nil {
				return err
			}
			return domain.Errorf(domain.Internal, "after %s %d orders are still open", demoSettleTime, open)
		}
	}
}

// unfinished counts orders with work left, and those of them that wait for a person.
func (p *play) unfinished(ctx context.Context) (open, attention int64, err error) {
	var body struct {
		Open      int64 `json:"open"`
		Attention int64 `json:"attention"`
	}
	r := client.Request{Method: http.MethodGet, Path: "/v1/fulfilments/attention", Query: client.Fresh{Position: p.lastPosition()}.Query(url.Values{})}
	err = p.api.Do(ctx, r, &body)
	if errors.Is(err, context.DeadlineExceeded) {
		err = ctx.Err()
	}
	return body.Open, body.Attention, err
}

func (p *play) lastPosition() (last int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.answers {
		last = max(last, r.Position)
	}
	return last
}
