package eventstoredb

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"orderflow/internal/broadcast"
	"orderflow/internal/pause"
)

// leaderWatch tracks the leader of a cluster. It asks all nodes at the same time, so
// that a hanging node delays nothing; see leadership for how answers are combined.
//
//	every pollInterval, more often while the leader is unclear, and at once after a failure:
//	gossip of all nodes ─▶ leadership ─▶ the leader has changed ─▶ changed, moved
//
// A nil leaderWatch, for a connection string with one address, knows no leader.
type leaderWatch struct {
	seeds []string
	nodes *gossipers
	moved func(leader string, vacant time.Time) // called after a change; vacant is when there was last no leader, or zero
	begin sync.Once
	asked chan struct{} // holds one request to poll at once
	first chan struct{} // closed after the first poll

	ctx    context.Context // done when the log is closed
	cancel context.CancelFunc
	ended  sync.WaitGroup

	mu      sync.Mutex
	current leadership
	sure    bool // the last poll was conclusive
	vacant  time.Time
	members []string
	changed broadcast.Signal // sent when another one leads
}

func newLeaderWatch(c esdb.Configuration, moved func(leader string, vacant time.Time)) (*leaderWatch, error) {
	o := &leaderWatch{moved: moved, asked: make(chan struct{}, 1), first: make(chan struct{})}
	for _, seed := range c.GossipSeeds {
		o.seeds = append(o.seeds, seed.String())
	}
	switch {
	case c.DnsDiscover:
		o.seeds = []string{c.Address}
	case len(o.seeds) == 0:
		return nil, nil
	}
	var err error
	if o.nodes, err = newGossipers(c); err != nil {
		return nil, err
	}
	o.ctx, o.cancel = context.WithCancel(context.Background())
	return o, nil
}

// leader returns the address of the leader, "" if it is not known, and a channel
// that is closed when the leader changes. It waits for the first poll.
func (o *leaderWatch) leader() (address string, changed <-chan struct{}) {
	if o == nil {
		return "", nil
	}
	o.begin.Do(func() { o.ended.Go(o.run) })
	select {
	case <-o.first:
	case <-o.ctx.Done():
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.sure {
		address = o.current.leader
	}
	return address, o.changed.Wait()
}

// change returns the channel that is closed when the leader changes; nil if there is no watch.
func (o *leaderWatch) change() <-chan struct{} {
	if o == nil {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.changed.Wait()
}

// pollNow requests a poll at once, after a failure.
func (o *leaderWatch) pollNow() {
	if o == nil {
		return
	}
	select {
	case o.asked <- struct{}{}:
	default: // a request is pending
	}
}

func (o *leaderWatch) close() {
	if o == nil {
		return
	}
	o.cancel()
	o.begin.Do(func() {}) // it does not begin any more
	o.ended.Wait()
}

func (o *leaderWatch) run() {
	defer o.nodes.keep(nil)
	first := sync.OnceFunc(func() { close(o.first) })
	for {
		begun := time.Now()
		v, sure := o.poll()
		if o.ctx.Err() != nil {
			return
		}
		o.record(begun, v, sure)
		if first(); pause.For(o.ctx, minPollGap) != nil {
			return
		}
		wait := pollInterval
		if !sure || len(v.named) != 1 {
			wait = unsettledPollInterval // the leader is about to change
		}
		pause.Until(o.ctx, wait, o.asked)
	}
}

// poll asks the known members; if there are none, the seeds and then the members
// that the seeds name.
func (o *leaderWatch) poll() (v leadership, sure bool) {
	asked := o.members
	if len(asked) == 0 {
		asked = o.seeds
	}
	v, members, sure := o.gossip(asked)
	if !sure && len(members) > 0 && !slices.Equal(members, asked) {
		v, members, sure = o.gossip(members)
	}
	if o.members = members; !sure {
		o.members = nil // the next poll begins with the seeds
	}
	return v, sure
}

// gossip asks the nodes at addresses, and also returns the longest list of members.
func (o *leaderWatch) gossip(addresses []string) (v leadership, members []string, sure bool) {
	limit, cancel := context.WithTimeout(o.ctx, pollTimeout)
	defer cancel()
	views := o.nodes.ask(limit, addresses, func(views []view) bool {
		_, enough := sameView(views)
		return enough
	})
	for _, of := range views {
		if len(of.members) > len(members) {
			members = of.members
		}
	}
	if v, sure = sameView(views); !sure {
		v, sure = findLeader(o.current, views)
	}
	return v, members, sure
}

// record stores the result of a poll that began at begun.
func (o *leaderWatch) record(begun time.Time, v leadership, sure bool) {
	o.mu.Lock()
	before := o.current.leader
	o.sure = sure
	switch {
	case !sure:
		o.mu.Unlock()
		return
	case v.leader == "":
		o.vacant = begun
	}
	o.current = v
	vacant := o.vacant
	if v.leader == "" || v.leader == before {
		o.mu.Unlock()
		return
	}
	o.vacant = time.Time{}
	o.changed.Send()
	o.mu.Unlock()
	o.moved(v.leader, vacant)
}
