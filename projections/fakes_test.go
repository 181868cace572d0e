package projections_test

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"
	"testing"

	"orderflow/domain"
	"orderflow/domain/catalog"
	"orderflow/domain/eventlog"
	"orderflow/infra/memory"
	"orderflow/projections"
	"orderflow/projections/projectionstest"
	"orderflow/readmodels"
)

// products is a store of products in memory: it does nothing but what Run of
// projectionstest checks, so that time can be made up around it.
type products struct {
	mu    sync.Mutex
	stand eventlog.Checkpoint
	rows  map[domain.SKU]readmodels.Product
	fails error  // of Write; nil if it works
	live  func() // called by Live; may be nil
}

func newProducts() *products { return &products{rows: map[domain.SKU]readmodels.Product{}} }

func (p *products) Live(context.Context, projections.Group) (projections.Store, error) {
	if p.live != nil {
		p.live()
	}
	return p, nil
}

func (p *products) Build(context.Context, projections.Group) (projections.Building, error) {
	return &productsBuilt{newProducts(), p}, nil
}

func (p *products) Checkpoint(context.Context) (eventlog.Checkpoint, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stand, nil
}

func (p *products) Load(_ context.Context, k readmodels.Keys) (r readmodels.Rows, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, sku := range k[readmodels.ProductView] {
		if row, ok := p.rows[domain.SKU(sku)]; ok {
			readmodels.ProductView.Add(&r, row)
		}
	}
	return r, nil
}

func (p *products) Write(_ context.Context, b projections.Batch) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.fails != nil:
		return p.fails
	case p.stand.Position() != b.Above:
		return domain.Errorf(domain.Conflict, "The view is not at position %d.", b.Above)
	}
	p.stand = b.To
	for _, row := range readmodels.ProductView.In(b.Rows) {
		p.rows[row.SKU] = row
	}
	return nil
}

func (p *products) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fails = err
}

func (p *products) len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.rows)
}

func (p *products) Snapshot(context.Context) (projections.Snapshot, error) {
	return nil, domain.Errorf(domain.Internal, "Nobody verifies this store.")
}

// productsBuilt is a version of products beside the one that serves.
type productsBuilt struct {
	*products
	serving *products
}

func (b *productsBuilt) Promote(context.Context) error {
	b.serving.mu.Lock()
	defer b.serving.mu.Unlock()
	b.serving.stand, b.serving.rows = b.stand, b.rows
	b.products = b.serving
	return nil
}

func (b *productsBuilt) Discard(context.Context) error { return nil }

func productsOnly(t testing.TB) []projections.Group {
	t.Helper()
	g, err := projections.GroupOf(projections.Products)
	if err != nil {
		t.Fatal(err)
	}
	return []projections.Group{g}
}

func listed(sku domain.SKU) projectionstest.Fact {
	return projectionstest.Of[catalog.Event](catalog.Stream(sku), catalog.Codec, catalog.Listed{SKU: sku, Name: "A", Price: domain.GBP(1)})
}

func noise(stream eventlog.Stream) projectionstest.Fact {
	return projectionstest.Fact{Stream: stream, Pending: eventlog.Pending{Type: "noise.v1", Data: []byte("{}")}}
}

// walking is a log that leaves out the events of others itself, as a server
// does, and counts what it looks at.
type walking struct {
	*memory.Log
	looked atomic.Int64 // events
	reads  atomic.Int64 // ReadAll
	every  int64        // a watermark after so many events of others
	gate   func(looked int64)
}

func (w *walking) ReadAll(ctx context.Context, above eventlog.Position, categories ...string) iter.Seq2[eventlog.Recorded, error] {
	return func(yield func(eventlog.Recorded, error) bool) {
		w.reads.Add(1)
		for r, err := range w.Log.ReadAll(ctx, above) {
			w.looked.Add(1)
			if (err != nil || wanted(r, categories)) && !yield(r, err) {
				return
			}
		}
	}
}

func (w *walking) SubscribeWatermarked(ctx context.Context, above eventlog.Position, passed func(eventlog.Watermark), categories ...string) iter.Seq2[eventlog.Recorded, error] {
	return func(yield func(eventlog.Recorded, error) bool) {
		caughtUp := false
		for r, err := range w.Log.SubscribeWatermarked(ctx, above, func(m eventlog.Watermark) { caughtUp = true; passed(m) }) {
			n := w.looked.Add(1)
			if w.gate != nil && ctx.Err() == nil {
				w.gate(n)
			}
			if (err != nil || wanted(r, categories)) && !yield(r, err) {
				return
			}
			if w.every > 0 && n%w.every == 0 {
				passed(eventlog.Watermark{Position: r.Position, CaughtUp: caughtUp})
			}
		}
	}
}

func wanted(r eventlog.Recorded, categories []string) bool {
	for _, c := range categories {
		if r.Stream.Category() == c {
			return true
		}
	}
	return len(categories) == 0
}
