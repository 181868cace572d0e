package eventstoredb_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver/clustertest"
	"orderflow/infra/eventstoredb"
	"orderflow/infra/memory"
)

// soon is well below slowAttempt, after which a call would find out by itself
// that it is not answered.
const (
	slowAttempt = patience
	soon        = 10 * time.Second
	vacancy     = 3 * time.Second // how long nobody leads; an election takes that long, and it has to be seen
)

// TestCallsLeaveALeaderThatIsNone has an append and a subscription hang at a
// node that does not answer any more. They go on as soon as another one leads,
// long before the time of an attempt is over.
func TestCallsLeaveALeaderThatIsNone(t *testing.T) {
	for name, change := range map[string]func(c *clustertest.Cluster, hangs func()) (mend func()){
		"stopped": func(c *clustertest.Cluster, hangs func()) func() {
			c.Stop(0)
			hangs()
			c.Elect(1)
			return func() { c.Continue(0) }
		},
		"the same one leads again": func(c *clustertest.Cluster, hangs func()) func() {
			c.LoseQuorum()
			hangs()
			<-time.After(vacancy)
			c.RegainQuorum(0)
			return func() {}
		},
		"two leaders": func(c *clustertest.Cluster, hangs func()) func() {
			c.TwoLeaders(2, time.Hour)
			hangs()
			return func() {}
		},
	} {
		t.Run(name, func(t *testing.T) {
			for how, open := range connections() {
				t.Run(how, func(t *testing.T) {
					t.Parallel()
					c, log := open(t)
					hangsAndGoesOn(t, c, log, change)
				})
			}
		})
	}
}

// connections returns the ways to name a cluster.
func connections() map[string]func(t *testing.T) (*clustertest.Cluster, *eventstoredb.Log) {
	// No keep-alive: it must not be what finds out.
	const rest = "&keepAliveInterval=600000"
	with := func(t *testing.T, o clustertest.Options, connection func(*clustertest.Cluster) string) (*clustertest.Cluster, *eventstoredb.Log) {
		c := clustertest.New(t, memory.NewDense(), o)
		return c, open(t, connection(c)+rest, eventstoredb.Options{Timeout: 4 * slowAttempt})
	}
	return map[string]func(t *testing.T) (*clustertest.Cluster, *eventstoredb.Log){
		"all nodes": func(t *testing.T) (*clustertest.Cluster, *eventstoredb.Log) {
			return with(t, clustertest.Options{}, (*clustertest.Cluster).Connection)
		},
		"one node, which tells of the others": func(t *testing.T) (*clustertest.Cluster, *eventstoredb.Log) {
			return with(t, clustertest.Options{}, func(c *clustertest.Cluster) string { return "esdb+discover://" + c.Address(1) + "?tls=false" })
		},
		"TLS": func(t *testing.T) (*clustertest.Cluster, *eventstoredb.Log) {
			certificate, ca := certify(t)
			return with(t, clustertest.Options{Certificate: certificate}, func(c *clustertest.Cluster) string {
				return "esdb://admin:changeit@" + strings.TrimSuffix(c.Addresses(), ",") + "?tlsCaFile=" + ca
			})
		},
	}
}

func hangsAndGoesOn(t *testing.T, c *clustertest.Cluster, log *eventstoredb.Log, change func(c *clustertest.Cluster, hangs func()) func()) {
	ctx, cancel := context.WithTimeout(t.Context(), 4*slowAttempt)
	defer cancel()
	if _, err := log.Append(ctx, "a-1", 0, event("a-1", 0)); err != nil {
		t.Fatal(err)
	}
	arrived := make(chan eventlog.Version, 2)
	go func() {
		for r, err := range log.Subscribe(ctx, 0, "a") {
			if err != nil {
				return
			}
			arrived <- r.Version
		}
	}()
	<-arrived
	stored := make(chan error, 1)
	mend := change(c, func() {
		before := unanswered(c)
		go func() {
			_, err := log.Append(ctx, "a-1", 1, event("a-1", 1))
			stored <- err
		}()
		if c.Leader() != 0 || strings.Contains(t.Name(), "two_leaders") { // one that is stopped counts nothing
			waitFor(c, func() bool { return unanswered(c) > before || len(stored) > 0 })
		}
	})
	defer mend()
	begun := time.Now()
	limit := time.NewTimer(2 * slowAttempt)
	defer limit.Stop()
	var version eventlog.Version
	for waits := 2; waits > 0; waits-- {
		select {
		case err := <-stored:
			if err != nil {
				t.Error(err)
			}
		case version = <-arrived:
		case <-limit.C:
			t.Fatal("nothing goes on")
		}
	}
	if took := time.Since(begun); took > soon || version != 2 {
		t.Errorf("the append was answered, and version %d came, after %s; want version 2 within %s", version, took, soon)
	}
}
