package eventstoredb

import (
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"orderflow/internal/pause"
)

// How calls and subscriptions find the leader.
//
//	not-leader, the node says who leads   the library goes there; if it hears that
//	                                      again there, the client is given up
//	not-leader, the node does not know    the client is given up: the next one asks
//	                                      the cluster by gossip
//	another node leads                    leaderWatch finds out:  calls and
//	                                      subscriptions elsewhere are ended, and go there
//	silence                               watchOver
//
// Gossip may lag behind; then the next client is led astray, and given up too.

// follow ends the operations in progress on clients of other nodes than the one that
// leads now, and on those that were connected before there was no leader: what was asked
// while there was no leader is never answered.
func (l *Log) follow(leader string, vacant time.Time) {
	for _, p := range l.pools() {
		p.dropIf(func(c *client) bool { return c.node != leader || c.since.Before(vacant) })
	}
}

// goes notes that the library goes to a node on the word of another one.
func (p *clients) goes(c *client, node string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.node, c.since = node, time.Now()
}

// watchOver looks every leadEvery whether the node that c is connected to still
// answers as the leader, and drops the subscriptions on c once another one
// does. A node that only answers slowly keeps them: there is no better one.
func (l *Log) watchOver(p *clients, c *client) {
	for wait := leadEvery; pause.Or(wait, nil, p.closing); {
		switch p.state(c) {
		case isShut:
			return
		case isIdle:
			wait = leadEvery
			continue
		case isUsed, isRetired:
		}
		_, err := call(l.ctx, l, p, min(leadTimeout, l.opts.Timeout), l.page(esdb.Backwards, all{esdb.End{}}, 1))
		wait = leadEvery
		switch retired := p.state(c) == isRetired; {
		case retired && err == nil:
			p.drop(c)
			return
		case retired:
			wait = unsettledPollInterval
		}
	}
}

// learn draws the conclusions from a failure on c for the calls to come. moves
// is how often c had gone to another leader when the call began.
func (p *clients) learn(c *client, moves int32, f failure) {
	switch {
	case f.retire, f.moved && moves > 0:
		p.retire(c)
	case f.moved:
		c.moves.CompareAndSwap(0, 1)
		p.lead.pollNow()
	}
}

// clientState is the state of a client.
type clientState int

const (
	isIdle clientState = iota
	isUsed
	isRetired
	isShut
)

func (p *clients) state(c *client) clientState {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case c.shut:
		return isShut
	case c.retired:
		return isRetired
	case c.users > 0:
		return isUsed
	}
	return isIdle
}

// drop ends the subscriptions and calls on c now.
func (p *clients) drop(c *client) {
	p.retire(c)
	c.drop()
}

// dropAll ends the subscriptions on every client.
func (p *clients) dropAll() { p.dropIf(func(*client) bool { return true }) }

// dropIf ends the operations in progress on some clients.
func (p *clients) dropIf(gone func(*client) bool) {
	p.mu.Lock()
	var list []*client
	for c := range p.open {
		if gone(c) {
			list = append(list, c)
		}
	}
	p.mu.Unlock()
	for _, c := range list {
		p.drop(c)
	}
}
