package groups_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver/internal/engine"
	"orderflow/infra/esdbserver/internal/groups"
	"orderflow/infra/memory"
)

// BenchmarkMachine reads, delivers and acknowledges events, with so many
// clients and so much waiting for them.
func BenchmarkMachine(b *testing.B) {
	for _, strategy := range []groups.Strategy{groups.RoundRobin, groups.Pinned} {
		for _, clients := range []int{1, 100} {
			b.Run(fmt.Sprintf("%s/%d", strategy, clients), func(b *testing.B) {
				now := time.Unix(0, 0)
				m := groups.NewMachine(now, settings(func(s *groups.Settings) { s.Strategy = strategy }), groups.Memory{Checkpoint: groups.Nowhere})
				var inflight []eventlog.EventID
				step := func(in groups.Input) {
					out := m.Step(now, in)
					for _, d := range out.Deliveries {
						inflight = append(inflight, d.Event.ID)
					}
					if out.Write != nil {
						m.Step(now, groups.Wrote{})
					}
				}
				for i := range clients {
					step(groups.Join{Client: groups.ClientID(i), Slots: 10})
				}
				place := groups.Place(0)
				b.ReportAllocs()
				for b.Loop() {
					for m.Room() {
						e := groups.Event{Place: place, Bucket: uint16(place*7) % groups.Buckets}
						binary.BigEndian.PutUint64(e.ID[8:], uint64(place)+1)
						place++
						step(groups.Read{Event: e})
					}
					id := inflight[0]
					inflight = inflight[1:]
					step(groups.Ack{IDs: []eventlog.EventID{id}})
				}
			})
		}
	}
}

// BenchmarkGroup is a group over a log in memory with one client that
// acknowledges every event by itself.
func BenchmarkGroup(b *testing.B) {
	const events = 20_000
	e := engine.New(memory.NewDense(), engine.Options{})
	defer e.Close()
	for i := range events / 1_000 {
		w := engine.Write{Stream: "orders", Expected: engine.Any}
		for j := range 1_000 {
			id := eventlog.EventID{0: 1}
			binary.BigEndian.PutUint64(id[8:], uint64(i*1_000+j))
			w.Events = append(w.Events, engine.Proposed{ID: id, Type: "said", Data: make([]byte, 100)})
		}
		if _, err := e.Append(context.Background(), w); err != nil {
			b.Fatal(err)
		}
	}
	gs, err := groups.Open(context.Background(), e, groups.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer gs.Close()
	round := 0
	for b.Loop() {
		round++
		key := groups.Key{Stream: "orders", Group: fmt.Sprint(round)}
		if err := gs.Create(context.Background(), "bench", key, settings(nil)); err != nil {
			b.Fatal(err)
		}
		c, err := gs.Connect(context.Background(), key, groups.Peer{}, 100)
		if err != nil {
			b.Fatal(err)
		}
		for range events {
			d := <-c.Deliveries()
			if err := c.Ack(context.Background(), []eventlog.EventID{d.Event.ID}); err != nil {
				b.Fatal(err)
			}
		}
		if err := gs.Delete(context.Background(), "bench", key); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(events*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
