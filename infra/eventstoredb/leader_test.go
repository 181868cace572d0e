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

// changes returns the ways in which a cluster gets another leader. Each returns
// when the next leader is known in gossip, and a function that mends the rest.
func changes() map[string]func(c *clustertest.Cluster, old, next int) (mend func()) {
	const lag, split, outage = 1500 * time.Millisecond, 1500 * time.Millisecond, 700 * time.Millisecond
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
		"quorum back": func(c *clustertest.Cluster, _, next int) func() {
			before := unanswered(c)
			c.LoseQuorum()
			waitFor(c, func() bool { return unanswered(c) > before }) // a call hangs
			c.RegainQuorum(next)
			return nothing
		},
		"kill, later": func(c *clustertest.Cluster, old, next int) func() {
			c.Kill(old)
			<-time.After(outage) // nobody leads so long
			c.Elect(next)
			return func() { c.Start(old) }
		},
		"two leaders": func(c *clustertest.Cluster, _, next int) func() { c.TwoLeaders(next, split); return nothing },
		"gossip lags": func(c *clustertest.Cluster, _, next int) func() {
			c.LagGossip(lag)
			c.Resign(next)
			return nothing
		},
	}
}

// unanswered counts the calls that hang, or did.
func unanswered(c *clustertest.Cluster) (n int) {
	for i := range clustertest.Nodes {
		n += c.Counts(i).Unanswered
	}
	return n
}

func waitFor(c *clustertest.Cluster, holds func() bool) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_ = c.Until(ctx, holds) // the change comes in any case
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
	// Keep-alive would find a node that hangs, after 20 s; it must not come to that.
	log := open(t, cluster.Connection()+"&keepAliveInterval=600000", eventstoredb.Options{Hooks: hooked.hooks()})
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

// TestNoQuorum calls everything while nobody leads, and while all nodes hang:
// each call ends within the time of one operation, whatever it is made of.
func TestNoQuorum(t *testing.T) {
	timeout := eventstoredb.DefaultTimeout
	if testing.Short() {
		timeout = 3 * time.Second
	}
	for name, lose := range map[string]func(c *clustertest.Cluster) (mend func()){
		"nobody leads": func(c *clustertest.Cluster) func() { c.LoseQuorum(); return func() {} },
		"all hang": func(c *clustertest.Cluster) func() {
			for i := range clustertest.Nodes {
				c.Stop(i)
			}
			return func() {
				for i := range clustertest.Nodes {
					c.Continue(i)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := clustertest.New(t, memory.NewDense(), clustertest.Options{})
			log := open(t, c.Connection(), eventstoredb.Options{Timeout: timeout})
			write(t, log, 2, 3) // a-0 and b-1
			for _, err := range log.ReadAll(t.Context(), 0) {
				if err != nil {
					t.Fatal(err)
				}
			}
			mend := lose(c)
			defer mend()
			var calls sync.WaitGroup
			for what, do := range map[string]func() error{
				"append":          func() error { _, err := log.Append(t.Context(), "a-0", 3, event("a-0", 3)); return err },
				"append, stale":   func() error { _, err := log.Append(t.Context(), "a-0", 1, event("a-0", 9)); return err },
				"read":            func() error { return last(log.Read(t.Context(), "a-0", 0)) },
				"read all":        func() error { return last(log.ReadAll(t.Context(), 0)) },
				"read a category": func() error { return last(log.ReadAll(t.Context(), 0, "a")) },
				"end":             func() error { _, err := log.End(t.Context()); return err },
				"at":              func() error { _, _, err := log.At(t.Context(), 7); return err },
				"ping":            func() error { return log.Ping(t.Context()) },
				"truncated":       func() error { _, _, err := log.TruncatedStreams(t.Context(), "a"); return err },
			} {
				calls.Go(func() {
					begun := time.Now()
					err := do()
					took := time.Since(begun)
					if kind := domain.KindOf(err); err == nil || kind != domain.Unavailable && kind != domain.Unknown {
						t.Errorf("%s: %v, want kind unavailable or unknown", what, err)
					}
					if took > timeout+timeout/5 {
						t.Errorf("%s took %s, more than %s", what, took, timeout)
					}
					t.Logf("%-16s %5.2f s", what, took.Seconds())
				})
			}
			calls.Wait()
		})
	}
}
