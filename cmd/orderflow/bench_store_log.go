package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/order"
	"orderflow/infra/retail"
)

// What an event store is measured with.
const (
	// benchCategory is that of all streams that are not orders.
	benchCategory = "bench"
	// storeReaders read the streams of [storeSizes].
	storeReaders     = 8
	storeBatchEvents = 100 // in an append that fills them
	// storeOrders are imported, as many as were imported when the node was first
	// measured beside a server, of about as many lines as real ones.
	storeOrders   = 3_588
	storeArticles = 500
	storeLines    = 20 // on the average
)

// storeSizes say how much is done on an event store.
type storeSizes struct {
	time    time.Duration // for which appends and reads go on
	streams int
	events  int // of each stream, whole batches
}

func defaultStoreSizes() storeSizes {
	return storeSizes{time: 3 * time.Second, streams: 64, events: 500}
}

// storeWriters are the numbers of writers that append at once.
func storeWriters() []int { return []int{1, 8, 64} }

// benchEvent is an event of the size of an order.
func benchEvent(s eventlog.Stream, i int, data []byte) eventlog.Pending {
	return eventlog.Pending{ID: eventlog.NewEventID("bench", s, i), Type: "bench.v1", Data: data}
}

// onStore calls use with the log and the data of an event.
func (b *bench) onStore(ctx context.Context, use func(log eventLog, data []byte) (figure, error)) (f figure, err error) {
	data, err := json.Marshal(benchOrder("append", 0))
	if err != nil {
		return f, err
	}
	log, err := b.openLog(ctx, b.folder())
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	return use(log, data)
}

// storeAppend measures appends of one event by writers with a stream each.
func (b *bench) storeAppend(ctx context.Context, writers int) (figure, error) {
	return b.onStore(ctx, func(log eventLog, data []byte) (figure, error) {
		limit, cancel := context.WithTimeout(ctx, b.sizes.time)
		defer cancel()
		var appends, micros atomic.Int64
		begun := time.Now()
		err := inParallel(ctx, writers, writers, func(w int) error {
			s := eventlog.Stream(fmt.Sprintf("%s-%sappend-%d-%d", benchCategory, b.run, writers, w))
			for v := eventlog.Version(0); limit.Err() == nil; v++ {
				at := time.Now()
				if _, err := log.Append(ctx, s, v, benchEvent(s, int(v), data)); err != nil {
					return err
				}
				micros.Add(time.Since(at).Microseconds())
				appends.Add(1)
			}
			return nil
		})
		mean := time.Duration(micros.Load()/max(appends.Load(), 1)) * time.Microsecond
		return figure{
			Unit: "appends/s", Value: perSecond(appends.Load(), time.Since(begun)),
			Detail: fmt.Sprintf("writers: %d; one event of %d bytes each, %s on the average", writers, len(data), mean),
		}, err
	})
}

// fillStreams writes streams to be read, and returns them with the position
// before the first of their events.
func (b *bench) fillStreams(ctx context.Context, log eventLog, name string, data []byte) (list []eventlog.Stream, before eventlog.Position, err error) {
	if before, err = log.End(ctx); err != nil {
		return nil, 0, err
	}
	for i := range b.sizes.streams {
		list = append(list, eventlog.Stream(fmt.Sprintf("%s-%s%s-%d", benchCategory, b.run, name, i)))
	}
	return list, before, inParallel(ctx, b.sizes.streams, storeReaders, func(i int) error {
		for v := 0; v < b.sizes.events; v += storeBatchEvents {
			events := make([]eventlog.Pending, storeBatchEvents)
			for j := range events {
				events[j] = benchEvent(list[i], v+j, data)
			}
			if _, err := log.Append(ctx, list[i], eventlog.Version(v), events...); err != nil {
				return err
			}
		}
		return nil
	})
}

// storeStreams measures reading whole streams.
func (b *bench) storeStreams(ctx context.Context) (figure, error) {
	return b.onStore(ctx, func(log eventLog, data []byte) (figure, error) {
		list, _, err := b.fillStreams(ctx, log, "streams", data)
		if err != nil {
			return figure{}, err
		}
		limit, cancel := context.WithTimeout(ctx, b.sizes.time)
		defer cancel()
		var events, next atomic.Int64
		begun := time.Now()
		err = inParallel(ctx, storeReaders, storeReaders, func(int) error {
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
		return figure{
			Unit: "events/s", Value: perSecond(events.Load(), time.Since(begun)),
			Detail: fmt.Sprintf("readers: %d; %d streams of %d events of %d bytes", storeReaders, b.sizes.streams, b.sizes.events, len(data)),
		}, err
	})
}

// storeCatchUp measures a subscription by category that has much to catch up with.
func (b *bench) storeCatchUp(ctx context.Context) (figure, error) {
	return b.onStore(ctx, func(log eventLog, data []byte) (figure, error) {
		_, before, err := b.fillStreams(ctx, log, "catch-up", data)
		if err != nil {
			return figure{}, err
		}
		want := int64(b.sizes.streams * b.sizes.events)
		begun, events := time.Now(), int64(0)
		for _, err := range log.Subscribe(ctx, before, benchCategory) {
			if err != nil {
				return figure{}, err
			}
			if events++; events == want {
				break
			}
		}
		return figure{
			Unit: "events/s", Value: perSecond(events, time.Since(begun)),
			Detail: fmt.Sprintf("one subscription to the category, %s events of %d bytes behind", grouped(want), len(data)),
		}, nil
	})
}

// storeImport measures orders that go their whole way, as an import brings them.
func (b *bench) storeImport(ctx context.Context) (figure, error) {
	h := benchHistory()
	begun := time.Now()
	r, err := importHistory(ctx, config{Data: b.folder(), EventStore: b.store}, retail.Import{}, h, b.err, slog.New(slog.DiscardHandler))
	if err != nil {
		return figure{}, err
	}
	if r.OrdersConfirmed != storeOrders {
		return figure{}, domain.Errorf(domain.Internal, "%d of %d orders were confirmed.", r.OrdersConfirmed, storeOrders)
	}
	return figure{
		Unit: "orders/s", Value: perSecond(storeOrders, time.Since(begun)),
		Detail: fmt.Sprintf("%s orders of %d lines on the average, confirmed and in the views, in %.1f s", grouped(storeOrders), storeLines, time.Since(begun).Seconds()),
	}, nil
}

// benchHistory returns the orders that are imported: the same ones in every run.
func benchHistory() (h retail.History) {
	chance := rand.New(rand.NewPCG(storeOrders, storeLines)) //nolint:gosec // reproducible chance
	for i := range storeArticles {
		sku := domain.SKU(fmt.Sprintf("STORE-%03d", i))
		h.Articles = append(h.Articles, retail.Article{SKU: sku, Name: "An article of the benchmark", PriceMinor: int64(1 + i)})
	}
	at := time.Date(2026, 1, 1, 8, 0, 0, 0, time.UTC)
	for i := range storeOrders {
		at = at.Add(time.Minute)
		invoice := retail.Invoice{No: fmt.Sprintf("bench-%d", i), Customer: domain.CustomerID(fmt.Sprintf("bench-%d", i%300)), At: at}
		for _, a := range chance.Perm(storeArticles)[:1+chance.IntN(2*storeLines-1)] {
			article, units := &h.Articles[a], int64(1+chance.IntN(12))
			article.Sold += units
			invoice.Lines = append(invoice.Lines, order.Line{SKU: article.SKU, Name: article.Name, Quantity: units, PriceMinor: article.PriceMinor})
		}
		h.Rows += len(invoice.Lines)
		h.Invoices = append(h.Invoices, invoice)
	}
	return h
}
