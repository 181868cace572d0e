package eventstoredb

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
)

// leaderWatch knows who leads a cluster. It asks all nodes at once, so that one that
// hangs delays nothing; see verdict for what is believed.
//
//	every lookEvery, more often while it is not clear, and at once after a failure:
//	gossip of all nodes ─▶ verdict ─▶ the leader is another one ─▶ changed, moved
//
// A nil lookout, for a connection string with one address, knows nothing.
type leaderWatch struct {
	seeds []string
	nodes *gossipers
	moved func(leader string, vacant time.Time) // another one leads; vacant is when nobody was last seen to, or zero
	begin sync.Once
	asked chan struct{} // holds one question: look at once
	first chan struct{} // closed after the first look

	ctx    context.Context // done when the log is closed
	cancel context.CancelFunc
	ended  sync.WaitGroup

	mu      sync.Mutex
	current leadership
	sure    bool // the last look came to a verdict
	vacant  time.Time
	members []string
	changed chan struct{} // closed and replaced when another one leads
}

func newLeaderWatch(c esdb.Configuration, moved func(leader string, vacant time.Time)) (*leaderWatch, error) {
	o := &leaderWatch{moved: moved, asked: make(chan struct{}, 1), first: make(chan struct{}), changed: make(chan struct{})}
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

// leader returns who leads, and what is closed when another one does. It waits
// for the first look. The address is "" while it is not known.
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
	return address, o.changed
}

// change returns what is closed when another one leads; nil if that is never known.
func (o *leaderWatch) change() <-chan struct{} {
	if o == nil {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.changed
}

// pollNow has the lookout look at once: something failed.
func (o *leaderWatch) pollNow() {
	if o == nil {
		return
	}
	select {
	case o.asked <- struct{}{}:
	default: // it is about to
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
		if first(); !rest(minPollGap, o.ctx.Done()) {
			return
		}
		wait := pollInterval
		if !sure || len(v.named) != 1 {
			wait = unsettledPollInterval // it is about to change
		}
		t := time.NewTimer(wait)
		select {
		case <-o.asked:
		case <-t.C:
		case <-o.ctx.Done():
		}
		t.Stop()
	}
}

// poll asks the members that are known, or the seeds and then the members that
// these name.
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
		o.members = nil // the next look begins with the seeds
	}
	return v, sure
}

// gossip asks some nodes, and returns the longest list of members too.
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

// record takes in what a look that began at a time came to.
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
	close(o.changed)
	o.changed = make(chan struct{})
	o.mu.Unlock()
	o.moved(v.leader, vacant)
}
