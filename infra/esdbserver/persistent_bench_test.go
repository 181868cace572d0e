package esdbserver_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
)

// BenchmarkGroup is a group on a log on disk, read by one official client that
// acknowledges every event by itself.
func BenchmarkGroup(b *testing.B) {
	const events = 10_000
	c := connect(b, "esdb://"+serve(b, newLog(b)).address+"?tls=false")
	for range events / 1_000 {
		batch := make([]esdb.EventData, 1_000)
		for i := range batch {
			batch[i] = event("a")
		}
		mustAppend(b, c, "s", batch...)
	}
	round := 0
	for b.Loop() {
		round++
		group := fmt.Sprint(round)
		if err := c.CreatePersistentSubscription(b.Context(), "s", group, esdb.PersistentStreamSubscriptionOptions{StartFrom: esdb.Start{}}); err != nil {
			b.Fatal(err)
		}
		sub, err := c.SubscribeToPersistentSubscription(context.Background(), "s", group, esdb.SubscribeToPersistentSubscriptionOptions{BufferSize: 100})
		if err != nil {
			b.Fatal(err)
		}
		for range events {
			e := sub.Recv()
			if e.EventAppeared == nil {
				b.Fatal(e.SubscriptionDropped.Error)
			}
			if err := sub.Ack(e.EventAppeared.Event); err != nil {
				b.Fatal(err)
			}
		}
		if err := sub.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(events*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
