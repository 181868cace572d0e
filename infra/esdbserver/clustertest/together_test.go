package clustertest_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"orderflow/infra/esdbserver/clustertest"
)

// TestWhatIsAnsweredIsStored gives commands by chance while writers write to
// all nodes: what was answered is there once, all else once or not at all.
func TestWhatIsAnsweredIsStored(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	c := fresh(t)
	const commands, appendsPerCommand = 60, 100
	type result struct {
		id  uuid.UUID
		err error
	}
	ended, results := make(chan struct{}), make(chan result)
	var writers sync.WaitGroup
	for w := range 2 * clustertest.Nodes {
		node := dial(t, c.Address(w%clustertest.Nodes))
		writers.Go(func() {
			for {
				ctx, cancel := context.WithTimeout(onLeader(context.Background()), short/10)
				id, _, err := node.append(ctx, "x")
				cancel()
				select {
				case results <- result{id, err}:
				case <-ended:
					results <- result{id, err}
					return
				}
			}
		})
	}
	answered, tried := map[uuid.UUID]bool{}, map[uuid.UUID]bool{}
	take := func(r result) {
		tried[r.id] = true
		if r.err == nil {
			answered[r.id] = true
		}
	}
	random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // a test
	for range commands {
		command(c, random)
		for n := 0; n < appendsPerCommand; {
			r := <-results
			if take(r); status.Code(r.err) != codes.Unavailable { // those that reach no node at all fail at once, in thousands
				n++
			}
		}
	}
	close(ended)
	go func() { writers.Wait(); close(results) }()
	for r := range results {
		take(r)
	}
	ids, _, err := dial(t, c.Address(heal(c))).readAll(onLeader(within(t, patience)))
	if err != nil {
		t.Fatal(err)
	}
	lost := 0
	for id := range tried {
		switch n := ids[id.String()]; {
		case n > 1:
			t.Errorf("%s is stored %d times", id, n)
		case n == 0 && answered[id]:
			t.Errorf("%s was answered and is not stored", id)
		case n == 1 && !answered[id]:
			lost++
		}
	}
	t.Logf("%d appends, %d answered, %d stored without an answer", len(tried), len(answered), lost)
	if len(answered) == 0 || len(answered) == len(tried) {
		t.Error("the commands did not matter")
	}
}

// command gives one that makes sense now.
func command(c *clustertest.Cluster, random *rand.Rand) {
	leader := c.Leader()
	other := (max(leader, 0) + 1 + random.IntN(clustertest.Nodes-1)) % clustertest.Nodes
	if leader < 0 {
		c.RegainQuorum(random.IntN(clustertest.Nodes))
		return
	}
	switch random.IntN(6) {
	case 0:
		c.Resign(other)
	case 1:
		c.LoseQuorum()
	case 2:
		c.TwoLeaders(other, time.Duration(random.IntN(200))*time.Millisecond)
	case 3:
		c.Kill(leader)
		c.Elect(other)
		c.Start(leader)
	case 4:
		c.Stop(leader)
		c.Elect(other)
		c.Continue(leader)
	case 5:
		c.LagGossip(short)
		c.Kill(other)
		c.Start(other)
	}
}

// heal ends what the last command began, and returns who leads.
func heal(c *clustertest.Cluster) int {
	if c.Leader() < 0 {
		c.RegainQuorum(0)
	}
	return c.Leader()
}

// TestCommandsAtOnce is for the race detector, and for what might hang.
func TestCommandsAtOnce(t *testing.T) {
	c := fresh(t)
	var wg sync.WaitGroup
	many := func(f func()) {
		wg.Go(func() {
			for range 20 {
				f()
			}
		})
	}
	many(func() { c.Kill(1); c.Start(1) })
	many(func() { c.Stop(2); c.Continue(2) })
	many(func() { c.LagGossip(time.Millisecond) })
	many(func() { c.LoseQuorum() })
	for i := range clustertest.Nodes {
		node := dial(t, c.Address(i))
		many(func() {
			_ = c.Counts(i)
			_, _, err := node.append(onLeader(within(t, 20*time.Millisecond)), "x")
			switch status.Code(err) {
			case codes.OK, codes.DeadlineExceeded, codes.Unavailable, codes.NotFound:
			default:
				t.Errorf("node %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	c.RegainQuorum(2)
	if _, _, err := dial(t, c.Address(2)).append(onLeader(within(t, patience)), "x"); err != nil {
		t.Error(err)
	}
}
