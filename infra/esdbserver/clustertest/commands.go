package clustertest

import "time"

// Resign has the leader pass the leadership to another node and stay as a
// follower. Its connections live on. Appends that it is storing are answered.
func (c *Cluster) Resign(to int) {
	c.t.Helper()
	c.move(func() string {
		switch c.leader {
		case noNode:
			return "nobody leads; use Elect"
		case to:
			return "it leads already"
		}
		return c.lead(to)
	})
}

// Elect makes a node the leader of a cluster that has none, as after the death
// of its leader, or whose leader is stopped.
func (c *Cluster) Elect(leader int) {
	c.t.Helper()
	c.move(func() string {
		if c.leader != noNode && !c.nodes[c.leader].stopped {
			return "there is a leader; use Resign"
		}
		return c.lead(leader)
	})
}

// LoseQuorum leaves the cluster without a leader while all nodes run. Appends
// that are being stored are stored, and not answered.
func (c *Cluster) LoseQuorum() {
	c.t.Helper()
	c.move(func() string {
		c.quorum = false
		c.vacate()
		return ""
	})
}

// RegainQuorum ends LoseQuorum: a node leads. A former leader that is not the
// new one follows, with the connections it had.
func (c *Cluster) RegainQuorum(leader int) {
	c.t.Helper()
	c.move(func() string {
		if c.quorum {
			return "the quorum is not lost"
		}
		c.quorum = true
		return c.lead(leader)
	})
}

// TwoLeaders makes a node the leader while the former one does not know it
// for a time, or until the next command that moves the leadership: in gossip
// both lead. What the former one takes in the meantime is never stored and
// never answered; neither are the answers to what it is storing.
func (c *Cluster) TwoLeaders(to int, d time.Duration) {
	c.t.Helper()
	c.move(func() string {
		former := c.leader
		if former == noNode || former == to {
			return "there has to be another leader"
		}
		if refused := c.lead(to); refused != "" {
			return refused
		}
		c.deposed = former
		c.upheaval++
		term := c.term
		c.split = time.AfterFunc(d, func() {
			c.move(func() string {
				if c.term == term {
					c.deposed = noNode
				}
				return ""
			})
		})
		return ""
	})
}

// Kill ends a node as SIGKILL does: its listener and its connections are gone.
// Appends that it was storing are stored and not answered, those it had not
// begun are neither. If it led, or if too few nodes are left, nobody leads.
func (c *Cluster) Kill(i int) {
	c.t.Helper()
	if !c.nodes[i].kill() {
		c.t.Errorf("Kill(%d): it does not run", i)
	}
}

// Start starts a node that was killed, at its address, as a follower.
func (c *Cluster) Start(i int) {
	c.t.Helper()
	if err := c.nodes[i].start(); err != nil {
		c.t.Errorf("Start(%d): %v", i, err)
	}
}

// Stop halts a node as SIGSTOP does: its connections stay open, new ones are
// accepted by the system, and nothing is answered. If it leads it goes on
// leading, until the test elects another; if too few nodes are left that run,
// nobody leads.
func (c *Cluster) Stop(i int) {
	c.t.Helper()
	c.move(func() string {
		n := c.nodes[i]
		if !n.running || n.stopped {
			return "it does not run"
		}
		n.valve.close()
		n.stopped = true
		if c.leader != noNode && c.healthy() < majority {
			c.vacate()
		}
		n.missed = c.term
		return ""
	})
}

// Continue ends Stop. What came in the meantime is answered now, in the role
// that the node has now; after Stop and TwoLeaders it believes that it leads.
func (c *Cluster) Continue(i int) {
	c.t.Helper()
	c.move(func() string {
		n := c.nodes[i]
		if !n.running || !n.stopped {
			return "it is not stopped"
		}
		n.stopped = false
		n.valve.open()
		return ""
	})
}

// move makes one change and has a leader of before that leads no more step down.
// A text says why the change makes no sense.
func (c *Cluster) move(change func() string) {
	c.t.Helper()
	c.mu.Lock()
	before := c.leader
	refused := change()
	after := c.leader
	c.touch()
	c.mu.Unlock()
	if refused != "" {
		c.t.Errorf("The command to the cluster makes no sense: %s.", refused)
	}
	if before != noNode && before != after {
		c.nodes[before].stepDown()
	}
}

// lead makes a node the leader, or says why it cannot be. The caller holds mu.
func (c *Cluster) lead(to int) string {
	switch n := c.nodes[to]; {
	case !c.quorum:
		return "the quorum is lost; use RegainQuorum"
	case !n.running || n.stopped:
		return "the node that is to lead does not run"
	case c.healthy() < majority:
		return "too few nodes run"
	}
	c.leader, c.deposed = to, noNode
	c.term++
	return ""
}

// vacate leaves the cluster without a leader. The caller holds mu.
func (c *Cluster) vacate() {
	c.leader, c.deposed = noNode, noNode
	c.term++
	c.upheaval++
}

// healthy counts the nodes that run and are not stopped. The caller holds mu.
func (c *Cluster) healthy() (n int) {
	for _, of := range c.nodes {
		if of.running && !of.stopped {
			n++
		}
	}
	return n
}

// fell notes that a node is gone. The caller holds its power.
func (c *Cluster) fell(n *node) {
	c.mu.Lock()
	before := c.leader
	n.running = false
	if c.deposed == n.number {
		c.deposed = noNode
	}
	if c.leader == n.number || c.leader != noNode && c.healthy() < majority {
		c.vacate()
	}
	c.touch()
	after := c.leader
	c.mu.Unlock()
	if before != noNode && before != after && before != n.number {
		c.nodes[before].stepDown()
	}
}
