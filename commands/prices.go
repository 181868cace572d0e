package commands

import (
	"context"
	"sync"

	"orderflow/commands/aggregate"
	"orderflow/domain"
	"orderflow/domain/catalog"
)

// Prices returns the current prices of articles.
type Prices interface {
	// Quote returns the articles in the order of skus; an article that was never
	// listed is the zero state. A price may be [aggregate.RecentFor] old.
	Quote(ctx context.Context, skus []domain.SKU) ([]catalog.State, error)
}

// maxQuoteReads bounds the product streams one quote reads at a time.
const maxQuoteReads = 16

// Catalogue is [Prices] from the product streams themselves.
type Catalogue struct {
	Products *aggregate.Aggregate[catalog.State, catalog.Event]
}

// Quote implements [Prices]. It reads the articles that are not cached, up to
// maxQuoteReads at a time.
func (c Catalogue) Quote(ctx context.Context, skus []domain.SKU) ([]catalog.State, error) {
	products := make([]catalog.State, len(skus))
	var missing []int
	for i, sku := range skus {
		var ok bool
		if products[i], _, ok = c.Products.Peek(catalog.Stream(sku), aggregate.RecentFor); !ok {
			missing = append(missing, i)
		}
	}
	return products, c.fetch(ctx, skus, missing, products)
}

func (c Catalogue) fetch(ctx context.Context, skus []domain.SKU, missing []int, into []catalog.State) error {
	if len(missing) == 0 {
		return nil
	}
	var readers sync.WaitGroup
	workers := min(maxQuoteReads, len(missing))
	errs := make([]error, workers)
	for w := range workers {
		readers.Go(func() {
			for n := w; n < len(missing) && errs[w] == nil; n += workers {
				i := missing[n]
				into[i], _, errs[w] = c.Products.Recent(ctx, catalog.Stream(skus[i]))
			}
		})
	}
	readers.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
