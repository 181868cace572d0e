package redis

import (
	"context"
	"strconv"
	"sync"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// Available is the stock that orders can reserve, as the mirror last wrote it. It
// is for a check before an order is taken; the reservation decides.
type Available struct{ r *Redis }

// Available returns the distributed stock.
func (r *Redis) Available() *Available { return &Available{r} }

// Read returns what is known of some articles of a warehouse: one that is
// missing is unknown. An error says that some could not be asked; those that
// could are returned with it.
func (a *Available) Read(ctx context.Context, w domain.Warehouse, skus ...domain.SKU) (map[domain.SKU]int64, error) {
	byTag := map[tag][]domain.SKU{}
	for _, sku := range skus {
		t, _ := a.r.keys.available(w, sku)
		byTag[t] = append(byTag[t], sku)
	}
	must := a.r.watermarks[stock].get()
	var (
		mu    sync.Mutex
		known = make(map[domain.SKU]int64, len(skus))
		err   error
		wg    sync.WaitGroup
	)
	for t, some := range byTag { // at most tagCount
		wg.Go(func() {
			figures, failed := a.read(ctx, t, w, some, must)
			mu.Lock()
			defer mu.Unlock()
			if failed != nil {
				err = failed
			}
			for sku, n := range figures {
				known[sku] = n
			}
		})
	}
	wg.Wait()
	return known, err
}

// read asks one tag, in one call.
func (a *Available) read(ctx context.Context, t tag, w domain.Warehouse, skus []domain.SKU, must eventlog.Position) (map[domain.SKU]int64, error) {
	keys := []string{a.r.keys.state(t)}
	for _, sku := range skus {
		_, key := a.r.keys.available(w, sku)
		keys = append(keys, key)
	}
	var found []any
	err := a.r.call(ctx, t.breakerKey(), func(ctx context.Context) (err error) {
		found, err = a.r.available.Run(ctx, a.r.client, keys).Slice()
		return err
	})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	state, _ := found[0].(string)
	_, at, ok := parseState(state)
	if !ok || at < must {
		return nil, nil
	}
	figures := map[domain.SKU]int64{}
	for i, figure := range found[1:] {
		text, _ := figure.(string)
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			figures[skus[i]] = n
		}
	}
	a.r.watermarks[stock].advance(at)
	return figures, nil
}
