package clustertest

import (
	"context"
	"crypto/tls"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"orderflow/infra/esdbserver"
	"orderflow/infra/esdbserver/internal/engine"
)

// Nodes is how many nodes a cluster has, numbered from 0.
const Nodes = 3

// majority is how many nodes have to run for one to lead.
const majority = Nodes/2 + 1

// noNode stands for a node where there is none.
const noNode = -1

// Options of a cluster. The zero value is a cluster without TLS that logs nothing.
type Options struct {
	// Certificate is shown by all nodes; nil serves without TLS.
	Certificate *tls.Certificate
	// Logger takes what the operator of a node would see; nil discards it.
	Logger *slog.Logger
}

// Cluster is three nodes on one log. Node 0 leads at first. Its methods are
// safe for concurrent use; a command that makes no sense fails the test.
type Cluster struct {
	t      testing.TB
	log    engine.Log
	opts   Options
	engine *engine.Engine
	nodes  [Nodes]*node

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced at every change of what follows
	leader   int
	deposed  int // the former leader that does not know it yet, see TwoLeaders
	split    *time.Timer
	quorum   bool // false after LoseQuorum
	term     int  // counts the leaders
	upheaval int  // counts the changes after which the answers to appends under way are lost
}

// New starts a cluster on log, which it writes alone until t ends.
func New(t testing.TB, log engine.Log, o Options) *Cluster {
	t.Helper()
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	c := &Cluster{
		t: t, log: log, opts: o, engine: engine.New(log, engine.Options{Logger: o.Logger}),
		changed: make(chan struct{}), deposed: noNode, quorum: true,
	}
	for i := range c.nodes {
		c.nodes[i] = newNode(c, i)
	}
	t.Cleanup(c.close)
	for i, n := range c.nodes {
		if err := n.start(); err != nil {
			t.Fatalf("node %d does not start: %v", i, err)
		}
	}
	return c
}

// close ends all nodes, and then the engine.
func (c *Cluster) close() {
	c.mu.Lock()
	if c.split != nil {
		c.split.Stop()
	}
	c.mu.Unlock()
	for _, n := range c.nodes {
		n.end()
	}
	c.engine.Close()
}

// Addresses returns host:port of every node, separated by commas.
func (c *Cluster) Addresses() string {
	var all []string
	for _, n := range c.nodes {
		all = append(all, n.address)
	}
	return strings.Join(all, ",")
}

// Connection returns the connection string of a cluster without TLS, which has
// the client find the leader through gossip.
func (c *Cluster) Connection() string { return "esdb://" + c.Addresses() + "?tls=false" }

// Address returns host:port of a node. It stays the same over Kill and Start.
func (c *Cluster) Address(i int) string { return c.nodes[i].address }

// Engine returns what the nodes share, for tests that write beside them.
func (c *Cluster) Engine() *engine.Engine { return c.engine }

// Leader returns the number of the leader, -1 while there is none.
func (c *Cluster) Leader() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.leader
}

// Count is the counts of one node.
type Count struct {
	NotLeader   int // calls that were answered with not-leader
	Unanswered  int // calls that got no answer and will get none, those given up included
	Silent      int // subscriptions that stand still now
	Subscribers int // subscriptions of now, silent ones included
	Connections int // open now
}

// Counts returns the figures of a node. Kill and Start do not reset them.
func (c *Cluster) Counts(i int) Count {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.nodes[i].count
}

// Until waits until a condition on the cluster's state and counts holds, which
// is asked after every change. It returns the error of ctx if that comes first.
func (c *Cluster) Until(ctx context.Context, holds func() bool) error {
	for {
		changed := c.change() // before looking
		if holds() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// change returns a channel that is closed at the next change.
func (c *Cluster) change() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changed
}

// touch tells all who wait that something changed. The caller holds mu.
func (c *Cluster) touch() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// add changes counts.
func (n *node) add(change func(*Count)) {
	n.cluster.mu.Lock()
	defer n.cluster.mu.Unlock()
	change(&n.count)
	n.cluster.touch()
}

// hooks returns how node n takes part.
func (n *node) hooks() *esdbserver.Cluster {
	return &esdbserver.Cluster{Engine: n.cluster.engine, Members: n.members, Unary: n.unary, Stream: n.stream}
}
