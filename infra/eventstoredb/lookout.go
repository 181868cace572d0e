package eventstoredb

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
)

// lookout knows who leads a cluster. It asks all nodes at once, so that one that
// hangs delays nothing; see verdict for what is believed.
//
//	every lookEvery, more often while it is not clear, and at once after a failure:
//	gossip of all nodes ─▶ verdict ─▶ the leader is another one ─▶ changed, moved
//
// A nil lookout, for a connection string with one address, knows nothing.
type lookout struct {
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
	verdict verdict
	sure    bool // the last look came to a verdict
	vacant  time.Time
	members []string
	changed chan struct{} // closed and replaced when another one leads
}

func newLookout(c esdb.Configuration, moved func(leader string, vacant time.Time)) (*lookout, error) {
	o := &lookout{moved: moved, asked: make(chan struct{}, 1), first: make(chan struct{}), changed: make(chan struct{})}
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
func (o *lookout) leader() (address string, changed <-chan struct{}) {
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
		address = o.verdict.leader
	}
	return address, o.changed
}

// change returns what is closed when another one leads; nil if that is never known.
func (o *lookout) change() <-chan struct{} {
	if o == nil {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.changed
}

// hurry has the lookout look at once: something failed.
func (o *lookout) hurry() {
	if o == nil {
		return
	}
	select {
	case o.asked <- struct{}{}:
	default: // it is about to
	}
}

func (o *lookout) close() {
	if o == nil {
		return
	}
	o.cancel()
	o.begin.Do(func() {}) // it does not begin any more
	o.ended.Wait()
}

func (o *lookout) run() {
	defer o.nodes.keep(nil)
	first := sync.OnceFunc(func() { close(o.first) })
	for {
		begun := time.Now()
		v, sure := o.look()
		if o.ctx.Err() != nil {
			return
		}
		o.learn(begun, v, sure)
		if first(); !rest(lookGap, o.ctx.Done()) {
			return
		}
		wait := lookEvery
		if !sure || len(v.named) != 1 {
			wait = leadAgain // it is about to change
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

// look asks the members that are known, or the seeds and then the members that
// these name.
func (o *lookout) look() (v verdict, sure bool) {
	asked := o.members
	if len(asked) == 0 {
		asked = o.seeds
	}
	v, members, sure := o.ask(asked)
	if !sure && len(members) > 0 && !slices.Equal(members, asked) {
		v, members, sure = o.ask(members)
	}
	if o.members = members; !sure {
		o.members = nil // the next look begins with the seeds
	}
	return v, sure
}

// ask asks some nodes, and returns the longest list of members too.
func (o *lookout) ask(addresses []string) (v verdict, members []string, sure bool) {
	limit, cancel := context.WithTimeout(o.ctx, lookTimeout)
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
		v, sure = judge(o.verdict, views)
	}
	return v, members, sure
}

// learn takes in what a look that began at a time came to.
func (o *lookout) learn(begun time.Time, v verdict, sure bool) {
	o.mu.Lock()
	before := o.verdict.leader
	o.sure = sure
	switch {
	case !sure:
		o.mu.Unlock()
		return
	case v.leader == "":
		o.vacant = begun
	}
	o.verdict = v
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
