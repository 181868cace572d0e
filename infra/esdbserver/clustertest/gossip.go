package clustertest

import (
	"slices"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"

	"orderflow/infra/esdbserver"
)

// LagGossip has nodes, all if none are named, tell in gossip for a time what is
// true now, whatever happens.
func (c *Cluster) LagGossip(d time.Duration, nodes ...int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	until := time.Now().Add(d)
	for i, n := range c.nodes {
		if len(nodes) == 0 || slices.Contains(nodes, i) {
			n.told, n.toldTil = n.membersLocked(), until
		}
	}
}

// members returns what the node tells in gossip.
func (n *node) members() []esdbserver.Member {
	n.cluster.mu.Lock()
	defer n.cluster.mu.Unlock()
	return n.membersLocked()
}

// membersLocked is members for those that hold mu. A node that was killed is
// known to be dead. One that is stopped seems alive until others have elected a
// leader without it.
func (n *node) membersLocked() []esdbserver.Member {
	c := n.cluster
	if time.Now().Before(n.toldTil) {
		return n.told
	}
	list := make([]esdbserver.Member, 0, Nodes)
	for i, of := range c.nodes {
		m := esdbserver.Member{ID: of.id, Address: of.address, State: gossip.MemberInfo_Follower}
		m.Alive = of.running && (!of.stopped || c.term <= of.missed)
		switch {
		case i == c.deposed, i == c.leader && c.deposed != n.number:
			m.State = gossip.MemberInfo_Leader
		case c.leader == noNode:
			m.State = gossip.MemberInfo_Unknown
		}
		list = append(list, m)
	}
	return list
}
