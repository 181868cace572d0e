package eventstoredb_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver/clustertest"
	"orderflow/infra/eventstoredb"
	"orderflow/infra/memory"
)

// changes are the ways in which a cluster gets another leader. Each returns
// when the next leader is known in gossip, and a function that mends the rest.
func changes() map[string]func(c *clustertest.Cluster, old, next int) (mend func()) {
	const lag, split = 1500 * time.Millisecond, 1500 * time.Millisecond
	nothing := func() {}
	return map[string]func(c *clustertest.Cluster, old, next int) func(){
		"resign": func(c *clustertest.Cluster, _, next int) func() { c.Resign(next); return nothing },
		"kill": func(c *clustertest.Cluster, old, next int) func() {
			c.Kill(old)
			c.Elect(next)
			return func() { c.Start(old) }
		},
		"stop": func(c *clustertest.Cluster, old, next int) func() {
			c.Stop(old)
			c.Resign(next)
			return func() { c.Continue(old) }
		},
		"quorum lost": func(c *clustertest.Cluster, _, next int) func() {
			c.LoseQuorum()
			c.RegainQuorum(next)
			return nothing
		},
		"two leaders": func(c *clustertest.Cluster, _, next int) func() { c.TwoLeaders(next, split); return nothing },
		"gossip lags": func(c *clustertest.Cluster, _, next int) func() {
			c.LagGossip(lag)
			c.Resign(next)
			return nothing
		},
	}
}

// TestLeaderChanges moves the leadership under appends and a subscription by
// category, and prints how long it takes until the first event that was stored
// after a change arrives. None may be lost or come twice.
func TestLeaderChanges(t *testing.T) {
	rounds := 10
	if testing.Short() {
		rounds = 5
	}
	var mu sync.Mutex
	var table []string
	t.Run("", func(t *testing.T) {
		for name, change := range changes() {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				line := leaderChanges(t, name, rounds, change)
				mu.Lock()
				defer mu.Unlock()
				table = append(table, line)
			})
		}
	})
	slices.Sort(table)
	t.Logf("seconds until the first event that was stored after a change arrived:\n%s", strings.Join(table, "\n"))
}

func leaderChanges(t *testing.T, name string, rounds int, change func(c *clustertest.Cluster, old, next int) func()) string {
	cluster := clustertest.New(t, memory.NewDense(), clustertest.Options{})
	var hooked counts
	log := open(t, cluster.Connection(), eventstoredb.Options{Hooks: hooked.hooks()})
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rounds)*patience)
	arrived := make(chan eventlog.Recorded, 1<<16)
	var working sync.WaitGroup
	defer working.Wait()
	defer cancel()
	working.Go(func() { appendOn(ctx, t, log) })
	working.Go(func() {
		for r, err := range log.Subscribe(ctx, 0, "a") {
			if err != nil {
				if ctx.Err() == nil {
					t.Errorf("%s: the subscription ended: %v", name, err)
				}
				return
			}
			arrived <- r
		}
	})
	version := eventlog.Version(0)
	until := func(stored time.Time) bool {
		for {
			select {
			case r := <-arrived:
				if version++; r.Version != version {
					t.Errorf("%s: version %d came, want %d", name, r.Version, version)
					return false
				}
				if !r.At.Before(stored) {
					return true
				}
			case <-time.After(patience):
				t.Errorf("%s: nothing came for %s after version %d; counts %+v %+v %+v", name, patience, version, cluster.Counts(0), cluster.Counts(1), cluster.Counts(2))
				return false
			}
		}
	}
	if !until(time.Time{}) {
		return ""
	}
	var took []time.Duration
	for round := range rounds {
		old := cluster.Leader()
		mend := change(cluster, old, (old+1+round%2)%clustertest.Nodes)
		changed := time.Now().UTC()
		if !until(changed) {
			return fmt.Sprintf("%-12s stands still after %d rounds", name, round)
		}
		took = append(took, time.Since(changed))
		mend()
		if !until(time.Now().UTC()) {
			return fmt.Sprintf("%-12s stands still after %d rounds", name, round)
		}
	}
	slices.Sort(took)
	var all []string
	for _, d := range took {
		all = append(all, fmt.Sprintf("%5.2f", d.Seconds()))
	}
	return fmt.Sprintf("%-12s %s  (%d events, %d drops)", name, strings.Join(all, " "), version, hooked.dropped.Load())
}

// appendOn appends to one stream until ctx is done, and repeats what failed.
func appendOn(ctx context.Context, t *testing.T, log *eventstoredb.Log) {
	for v := 0; ctx.Err() == nil; {
		begun := time.Now()
		at, err := log.Append(ctx, "a-1", eventlog.Version(v), event("a-1", v))
		if took := time.Since(begun); took > eventstoredb.DefaultTimeout+patience/10 {
			t.Errorf("an append took %s", took)
		}
		switch kind := domain.KindOf(err); {
		case err == nil && at.Version == eventlog.Version(v+1):
			v++
		case ctx.Err() != nil, err != nil && (kind == domain.Unavailable || kind == domain.Unknown):
		default:
			t.Errorf("append %d: %+v, %v", v, at, err)
			return
		}
	}
}
