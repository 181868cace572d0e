package main

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

	"orderflow/domain"
	"orderflow/infra/simulator"
)

// Limits of the demonstration's customers.
const (
	demoClients  = 8
	demoWait     = "10"                   // seconds a customer waits for an outcome
	demoLookTime = 100 * time.Millisecond // between two looks at what is unfinished
)

// play is one demonstration: what was asked for and what was answered first.
type play struct {
	api    *client
	run    string // keeps the keys of one run apart from another's
	chance *mathrand.Rand
	shop   []goods

	mu      sync.Mutex
	answers []result
	asked   int
}

func newPlay(api *client, seed uint64) *play {
	return &play{api: api, run: rand.Text(), chance: mathrand.New(mathrand.NewPCG(seed, 0)), shop: demoGoods()} //nolint:gosec // not a secret
}

// furnish puts the goods on sale and receives stock.
func (p *play) furnish(ctx context.Context, s streams, orders int) error {
	var delivery receiptBody
	for i, g := range p.shop {
		body := productBody{SKU: g.sku, Name: g.name, Price: g.price()}
		if err := p.api.do(ctx, request{method: http.MethodPost, path: "/v1/products", body: body}, nil); err != nil {
			return err
		}
		n := int64(min(orders*plentyUnits, domain.MaxQuantity))
		if i == len(p.shop)-1 {
			n = scarceUnits
		}
		delivery.Units = append(delivery.Units, placeLine{g.sku, n})
	}
	fmt.Fprintf(s.out, "%d products on sale, stock received; of %s there are only %d.\n", len(p.shop), p.shop[len(p.shop)-1].name, scarceUnits)
	return p.api.do(ctx, request{method: http.MethodPost, path: "/v1/stock/receipts", body: delivery, key: p.run}, nil)
}

// placeAll places n orders, several customers at a time.
func (p *play) placeAll(ctx context.Context, n int, bar *progress) error {
	customers, ctx := errgroup.WithContext(ctx)
	customers.SetLimit(demoClients)
	for range n {
		p.asked++
		body, key := draw(p.chance, p.shop), fmt.Sprintf("%s-%d", p.run, p.asked)
		customers.Go(func() error { return p.place(ctx, body, key, bar) })
	}
	return customers.Wait()
}

func (p *play) place(ctx context.Context, body placeBody, key string, bar *progress) error {
	var r result
	if err := p.api.do(ctx, request{method: http.MethodPost, path: "/v1/orders", body: body, key: key, wait: demoWait}, &r); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers = append(p.answers, r)
	bar.set(int64(len(p.answers)))
	return nil
}

// outage places n orders while the payment gateway refuses every connection:
// the breaker opens, and the orders wait for their payment.
func (p *play) outage(ctx context.Context, app *App, n int, bar *progress) error {
	app.Simulator.SetOutage(simulator.Payment, simulator.Unavailable)
	defer app.Simulator.SetOutage(simulator.Payment, simulator.Work)
	return p.placeAll(ctx, n, bar)
}

// changeMinds returns a unit of one confirmed order and cancels another.
func (p *play) changeMinds(ctx context.Context) error {
	var confirmed []string
	for _, r := range p.answers {
		if r.Status == resultSuccess {
			confirmed = append(confirmed, r.OrderID)
		}
	}
	if len(confirmed) < 2 {
		return nil
	}
	back := map[string]any{"lines": []returnLine{{Line: 0, Quantity: 1}}}
	if err := p.api.do(ctx, request{method: http.MethodPost, path: orderPath(confirmed[0]) + "/returns", body: back, key: p.run}, nil); err != nil {
		return err
	}
	return p.api.do(ctx, request{method: http.MethodPost, path: orderPath(confirmed[1]) + "/cancel"}, nil)
}

// settle waits until no order has work left.
func (p *play) settle(ctx context.Context, s streams) error {
	limit, cancel := context.WithTimeout(ctx, demoSettleTime)
	defer cancel()
	bar := newProgress(s.err, "settling; the gateway is back and its breaker tries again", 0)
	defer bar.end()
	look := time.NewTicker(demoLookTime)
	defer look.Stop()
	for {
		open, attention, err := p.unfinished(limit)
		switch {
		case err == nil && open == attention:
			return nil
		case err == nil:
			bar.set(int64(p.asked) - open)
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
	r := request{method: http.MethodGet, path: "/v1/fulfilments/attention", query: fresh{p.lastPosition()}.query(url.Values{})}
	err = p.api.do(ctx, r, &body)
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
