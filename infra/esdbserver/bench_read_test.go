package esdbserver_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
)

// BenchmarkCatchUp follows all from the start, with the official client, until
// it has caught up with 100,000 events.
func BenchmarkCatchUp(b *testing.B) {
	const total, each = 100_000, 500
	n := serve(b, openLog(b, b.TempDir()))
	c := connect(b, "esdb://"+n.address+"?tls=false")
	list := make([]esdb.EventData, each)
	for i := range total / each {
		for j := range list {
			list[j] = event("order.placed.v1")
			list[j].Data = fmt.Appendf(nil, `{"order":%d,"line":%d,"sku":"85123A","qty":6,"price_minor":255}`, i, j)
		}
		mustAppend(b, c, fmt.Sprint("order-", i), list...)
	}
	for name, options := range map[string]esdb.SubscribeToAllOptions{
		"all":      {From: esdb.Start{}},
		"filtered": {From: esdb.Start{}, Filter: esdb.ExcludeSystemEventsFilter()},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				sub, err := c.SubscribeToAll(b.Context(), options)
				if err != nil {
					b.Fatal(err)
				}
				got := 0
				for caughtUp := false; !caughtUp; {
					switch e := sub.Recv(); {
					case e.EventAppeared != nil:
						got++
					case e.CaughtUp != nil:
						caughtUp = true
					case e.SubscriptionDropped != nil:
						b.Fatal(e.SubscriptionDropped.Error)
					}
				}
				_ = sub.Close()
				if got < total {
					b.Fatalf("%d events", got)
				}
			}
			b.ReportMetric(float64(total)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkSubscribers has 1,000 live subscribers, to one stream and to all, on
// connections of 100, and appends; it reports the memory that a subscriber
// costs the process, client's side included, and how long after the append
// began an event reached a subscriber.
func BenchmarkSubscribers(b *testing.B) {
	const subscribers, perConnection = 1_000, 100
	for _, name := range []string{"stream", "all"} {
		b.Run(name, func(b *testing.B) {
			n := serve(b, openLog(b, b.TempDir()))
			c := connect(b, "esdb://"+n.address+"?tls=false")
			mustAppend(b, c, "s", event("first"))
			given, cancel := context.WithCancel(b.Context())
			var wg sync.WaitGroup
			defer wg.Wait()
			defer cancel()
			before := liveBytes()
			var begun atomic.Int64 // when the append began, in ns
			lags := make(chan time.Duration, subscribers)
			ready := make(chan struct{}, subscribers)
			var conn streams.StreamsClient
			for i := range subscribers {
				if i%perConnection == 0 {
					conn = streams.NewStreamsClient(n.dial(b))
				}
				read, err := conn.Read(given, request(func(o *streams.ReadReq_Options) {
					o.CountOption = &streams.ReadReq_Options_Subscription{}
					o.GetStream().RevisionOption = &streams.ReadReq_Options_StreamOptions_End{End: empty()}
					if name == "all" {
						o.StreamOption = &streams.ReadReq_Options_All{All: &streams.ReadReq_Options_AllOptions{
							AllOption: &streams.ReadReq_Options_AllOptions_End{End: empty()},
						}}
					}
				}))
				if err != nil {
					b.Fatal(err)
				}
				wg.Go(func() {
					for {
						m, err := read.Recv()
						switch {
						case err != nil:
							return
						case m.GetCaughtUp() != nil:
							ready <- struct{}{}
						case m.GetEvent() != nil:
							lags <- time.Duration(time.Now().UnixNano() - begun.Load())
						}
					}
				})
			}
			for range subscribers {
				<-ready
			}
			perSubscriber := float64(liveBytes()-before) / subscribers
			var all []float64
			for b.Loop() {
				begun.Store(time.Now().UnixNano())
				mustAppend(b, c, "s", event("next"))
				for range subscribers {
					all = append(all, float64((<-lags).Microseconds())/1_000)
				}
			}
			p50 := median(all) // sorts
			b.ReportMetric(perSubscriber/1_024, "KiB/subscriber")
			b.ReportMetric(p50, "p50-ms")
			b.ReportMetric(all[len(all)*99/100], "p99-ms")
		})
	}
}

// liveBytes returns what is in use on the heap and on stacks.
func liveBytes() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}
