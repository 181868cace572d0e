package eventstoredb

import (
	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
)

// How subscriptions find the leader.
//
//	not-leader, the node says who leads   the library goes there; if it hears that
//	                                      again there, the client is given up
//	not-leader, the node does not know    the client is given up: the next one asks
//	                                      the cluster by gossip
//	silence                               watchOver
//
// Gossip may lag behind; then the next client is led astray, and given up too.

// watchOver looks every leadEvery whether the node that c is connected to still
// answers as the leader, and drops the subscriptions on c once another one
// does. A node that only answers slowly keeps them: there is no better one.
func (l *Log) watchOver(p *clients, c *client) {
	for wait := leadEvery; rest(wait, p.closing); {
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
			wait = leadAgain
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
	}
}

// clientState is what becomes of a client.
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

// drop ends the subscriptions on c now.
func (p *clients) drop(c *client) {
	p.retire(c)
	c.drop()
}

// dropAll ends the subscriptions on every client.
func (p *clients) dropAll() {
	p.mu.Lock()
	var open []*client
	for c := range p.open {
		open = append(open, c)
	}
	p.mu.Unlock()
	for _, c := range open {
		p.drop(c)
	}
}
