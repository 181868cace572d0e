package groups_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver/internal/groups"
)

// TestEverybodyAtOnce has groups made, changed, deleted, restarted, asked and
// used at the same time. Nothing gets stuck, and what comes out is one of the
// answers that there are.
func TestEverybodyAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, n *node) {
		for i := range 50 {
			n.append("orders", fmt.Sprint(i))
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		defer cancel()
		var wg sync.WaitGroup
		for who := range 8 {
			rng := rand.New(rand.NewPCG(1, uint64(who)))
			wg.Go(func() {
				for range 200 {
					if err := n.anything(ctx, rng); err != nil && groups.KindOf(err) == 0 {
						t.Errorf("an answer that is none: %v", err)
					}
				}
			})
		}
		wg.Wait()
		if ctx.Err() != nil {
			t.Error("it took an hour")
		}
	})
}

// anything does one of all the things that can be done.
func (n *node) anything(ctx context.Context, rng *rand.Rand) error {
	key := groups.Key{Stream: "orders", Group: fmt.Sprint(rng.IntN(3))}
	change := func(s *groups.Settings) {
		s.MinCheckpoint, s.MaxCheckpoint, s.MaxRetries = 1, 1+rng.IntN(3), rng.IntN(2)
	}
	switch rng.IntN(12) {
	case 0, 1:
		return n.groups.Create(ctx, "tester", key, settings(change))
	case 2:
		return n.groups.Update(ctx, "tester", key, settings(change))
	case 3:
		return n.groups.Delete(ctx, "tester", key)
	case 4:
		_, err := n.groups.Info(ctx, key)
		return err
	case 5:
		_, err := n.groups.List(ctx, "")
		return err
	case 6:
		return n.groups.Replay(ctx, key, nil)
	case 7:
		if rng.IntN(10) == 0 {
			return n.groups.Restart(ctx)
		}
	}
	client, err := n.groups.Connect(ctx, key, groups.Peer{}, 1+rng.IntN(5))
	if err != nil {
		return err
	}
	defer client.Close()
	for range rng.IntN(10) {
		select {
		case d := <-client.Deliveries():
			ids := []eventlog.EventID{d.Event.ID}
			if rng.IntN(3) == 0 {
				err = client.Nack(ctx, ids, groups.Action(rng.IntN(5)), "because")
			} else {
				err = client.Ack(ctx, ids)
			}
		case <-client.Dropped():
			return client.Err()
		case <-time.After(time.Second):
		}
		if err != nil {
			return err
		}
	}
	return nil
}
