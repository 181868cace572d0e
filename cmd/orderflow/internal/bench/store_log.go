package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"orderflow/cmd/orderflow/internal/node"
	"orderflow/cmd/orderflow/internal/terminal"
	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/order"
	"orderflow/infra/retail"
)

// What an event store is measured with.
const (
	// BenchCategory is that of all streams that are not orders.
	Category = "bench"
	// storeReaders read the streams of [storeSizes].
	storeReaders     = 8
	StoreBatchEvents = 100 // in an append that fills them
	// storeOrders are imported, as many as were imported when the node was first
	// measured beside a server, of about as many lines as real ones.
	StoreOrders   = 3_588
	storeArticles = 500
	StoreLines    = 20 // on the average
)

// StoreSizes say how much is done on an event store.
type StoreSizes struct {
	Time    time.Duration // for which appends and reads go on
	Streams int
	Events  int // of each stream, whole batches
}

func defaultStoreSizes() StoreSizes {
	return StoreSizes{Time: 3 * time.Second, Streams: 64, Events: 500}
}

// storeWriters are the numbers of writers that append at once.
func storeWriters() []int { return []int{1, 8, 64} }

// Event returns an event of the size of an order.
func Event(s eventlog.Stream, i int, data []byte) eventlog.Pending {
	return eventlog.Pending{ID: eventlog.NewEventID("bench", s, i), Type: "bench.v1", Data: data}
}

// onStore calls use with the log and the data of an event.
func (b *Bench) onStore(ctx context.Context, use func(log node.EventLog, data []byte) (Figure, error)) (f Figure, err error) {
	data, err := json.Marshal(Order("append", 0))
	if err != nil {
		return f, err
	}
	log, err := b.openLog(ctx, b.Folder())
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	return use(log, data)
}

// StoreAppend measures appends of one event by writers with a stream each.
func (b *Bench) StoreAppend(ctx context.Context, writers int) (Figure, error) {
	return b.onStore(ctx, func(log node.EventLog, data []byte) (Figure, error) {
		limit, cancel := context.WithTimeout(ctx, b.Sizes.Time)
		defer cancel()
		var appends, micros atomic.Int64
		begun := time.Now()
		err := InParallel(ctx, writers, writers, func(w int) error {
			s := eventlog.Stream(fmt.Sprintf("%s-%sappend-%d-%d", Category, b.Run, writers, w))
			for v := eventlog.Version(0); limit.Err() == nil; v++ {
				at := time.Now()
				if _, err := log.Append(ctx, s, v, Event(s, int(v), data)); err != nil {
					return err
				}
				micros.Add(time.Since(at).Microseconds())
				appends.Add(1)
			}
			return nil
		})
		mean := time.Duration(micros.Load()/max(appends.Load(), 1)) * time.Microsecond
		return Figure{
			Unit: "appends/s", Value: terminal.PerSecond(appends.Load(), time.Since(begun)),
			Detail: fmt.Sprintf("writers: %d; one event of %d bytes each, %s on the average", writers, len(data), mean),
		}, err
	})
}

// fillStreams writes streams to be read, and returns them with the position
// before the first of their events.
func (b *Bench) fillStreams(ctx context.Context, log node.EventLog, name string, data []byte) (list []eventlog.Stream, before eventlog.Position, err error) {
	if before, err = log.End(ctx); err != nil {
		return nil, 0, err
	}
	for i := range b.Sizes.Streams {
		list = append(list, eventlog.Stream(fmt.Sprintf("%s-%s%s-%d", Category, b.Run, name, i)))
	}
	return list, before, InParallel(ctx, b.Sizes.Streams, storeReaders, func(i int) error {
		for v := 0; v < b.Sizes.Events; v += StoreBatchEvents {
			events := make([]eventlog.Pending, StoreBatchEvents)
			for j := range events {
				events[j] = Event(list[i], v+j, data)
			}
			if _, err := log.Append(ctx, list[i], eventlog.Version(v), events...); err != nil {
				return err
			}
		}
		return nil
	})
}

// storeStreams measures reading whole streams.
func (b *Bench) storeStreams(ctx context.Context) (Figure, error) {
	return b.onStore(ctx, func(log node.EventLog, data []byte) (Figure, error) {
		list, _, err := b.fillStreams(ctx, log, "streams", data)
		if err != nil {
			return Figure{}, err
		}
		limit, cancel := context.WithTimeout(ctx, b.Sizes.Time)
		defer cancel()
		var events, next atomic.Int64
		begun := time.Now()
		err = InParallel(ctx, storeReaders, storeReaders, func(int) error {
			for limit.Err() == nil {
				for _, err := range log.Read(ctx, list[int(next.Add(1))%len(list)], 0) {
					if err != nil {
						return err
					}
					events.Add(1)
				}
			}
			return nil
		})
		return Figure{
			Unit: "events/s", Value: terminal.PerSecond(events.Load(), time.Since(begun)),
			Detail: fmt.Sprintf("readers: %d; %d streams of %d events of %d bytes", storeReaders, b.Sizes.Streams, b.Sizes.Events, len(data)),
		}, err
	})
}

// storeCatchUp measures a subscription by category that has much to catch up with.
func (b *Bench) storeCatchUp(ctx context.Context) (Figure, error) {
	return b.onStore(ctx, func(log node.EventLog, data []byte) (Figure, error) {
		_, before, err := b.fillStreams(ctx, log, "catch-up", data)
		if err != nil {
			return Figure{}, err
		}
		want := int64(b.Sizes.Streams * b.Sizes.Events)
		begun, events := time.Now(), int64(0)
		for _, err := range log.Subscribe(ctx, before, Category) {
			if err != nil {
				return Figure{}, err
			}
			if events++; events == want {
				break
			}
		}
		return Figure{
			Unit: "events/s", Value: terminal.PerSecond(events, time.Since(begun)),
			Detail: fmt.Sprintf("one subscription to the category, %s events of %d bytes behind", terminal.Grouped(want), len(data)),
		}, nil
	})
}

// storeImport measures orders that go their whole way, as an import brings them.
func (b *Bench) storeImport(ctx context.Context) (Figure, error) {
	h := History()
	begun := time.Now()
	r, err := node.ImportHistory(ctx, node.Config{Data: b.Folder(), EventStore: b.store}, retail.Import{}, h, b.err, slog.New(slog.DiscardHandler))
	if err != nil {
		return Figure{}, err
	}
	if r.OrdersConfirmed != StoreOrders {
		return Figure{}, domain.Errorf(domain.Internal, "%d of %d orders were confirmed.", r.OrdersConfirmed, StoreOrders)
	}
	return Figure{
		Unit: "orders/s", Value: terminal.PerSecond(StoreOrders, time.Since(begun)),
		Detail: fmt.Sprintf("%s orders of %d lines on the average, confirmed and in the views, in %.1f s", terminal.Grouped(StoreOrders), StoreLines, time.Since(begun).Seconds()),
	}, nil
}

// History returns the orders that are imported: the same ones in every run.
func History() (h retail.History) {
	chance := rand.New(rand.NewPCG(StoreOrders, StoreLines)) //nolint:gosec // reproducible chance
	for i := range storeArticles {
		sku := domain.SKU(fmt.Sprintf("STORE-%03d", i))
		h.Articles = append(h.Articles, retail.Article{SKU: sku, Name: "An article of the benchmark", PriceMinor: int64(1 + i)})
	}
	at := time.Date(2026, 1, 1, 8, 0, 0, 0, time.UTC)
	for i := range StoreOrders {
		at = at.Add(time.Minute)
		invoice := retail.Invoice{No: fmt.Sprintf("bench-%d", i), Customer: domain.CustomerID(fmt.Sprintf("bench-%d", i%300)), At: at}
		for _, a := range chance.Perm(storeArticles)[:1+chance.IntN(2*StoreLines-1)] {
			article, units := &h.Articles[a], int64(1+chance.IntN(12))
			article.Sold += units
			invoice.Lines = append(invoice.Lines, order.Line{SKU: article.SKU, Name: article.Name, Quantity: units, PriceMinor: article.PriceMinor})
		}
		h.Rows += len(invoice.Lines)
		h.Invoices = append(h.Invoices, invoice)
	}
	return h
}
