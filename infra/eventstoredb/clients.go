package eventstoredb

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"orderflow/domain"
	"orderflow/internal/backoff"
	"orderflow/internal/pause"
)

// clients has the one client that calls go to, and replaces it after a failure.
//
//	acquire ─▶ current? ──yes──▶ use ─▶ release
//	              │ no                    retire: not the current one any more;
//	              ▼                       closed with the last release
//	           connect, one attempt for all who wait
type clients struct {
	config    esdb.Configuration
	name      string
	lead      *leaderWatch
	connected func(*clients, *client) // a new client has found a node; it runs on a goroutine of its own

	mu       sync.Mutex
	closed   bool
	current  *client
	attempt  *attempt // the one under way
	failures int      // attempts in a row that came to nothing
	notUntil time.Time
	changed  <-chan struct{}      // closed when another node leads than at the last attempt, whose goroutine has it
	open     map[*client]struct{} // those not closed yet
	working  sync.WaitGroup       // attempts
	closing  chan struct{}
}

// client is a client of the library and who uses it.
type client struct {
	*esdb.Client
	users   int
	retired bool
	shut    bool
	grace   *time.Timer
	gate    sync.RWMutex // see entering
	version *esdb.ServerVersion
	node    string          // the address that it is connected to; "" if the library chose it
	since   time.Time       // when it was connected there
	moves   atomic.Int32    // how often the library went to another leader: 0, or 1 for more
	dropped context.Context // done when the calls and subscriptions on it are to end
	drop    context.CancelFunc
}

// saysCaughtUp reports whether the node tells subscriptions that they have
// caught up: from 23.10 on.
func (c *client) saysCaughtUp() bool {
	const major, minor = 23, 10
	v := c.version
	return v != nil && (v.Major > major || v.Major == major && v.Minor >= minor)
}

// attempt to connect; err stands once done is closed.
type attempt struct {
	done chan struct{}
	err  error
}

func newClients(config esdb.Configuration, lead *leaderWatch, connected func(*clients, *client)) *clients {
	return &clients{
		config: config, name: nameOf(config), lead: lead, connected: connected,
		open: map[*client]struct{}{}, closing: make(chan struct{}),
	}
}

// enter returns the current client, connected, with its gate held for reading.
// After release it must not be used.
func (p *clients) enter(ctx context.Context) (*client, error) {
	for {
		c, err := p.acquire(ctx)
		if err != nil {
			return nil, err
		}
		if !c.gate.TryRLock() { // it is being given up; waiting for that would heed no context
			p.release(c)
			continue
		}
		p.mu.Lock()
		retired := c.retired
		p.mu.Unlock()
		if !retired {
			return c, nil
		}
		c.gate.RUnlock()
		p.release(c)
	}
}

func (p *clients) acquire(ctx context.Context) (*client, error) {
	for {
		p.mu.Lock()
		switch {
		case p.closed:
			p.mu.Unlock()
			return nil, errClosed()
		case p.current != nil:
			c := p.current
			c.users++
			p.mu.Unlock()
			return c, nil
		case p.attempt == nil:
			p.attempt = &attempt{done: make(chan struct{})}
			wait := time.Until(p.notUntil)
			p.working.Go(func() { p.connect(p.attempt, wait) })
		}
		a := p.attempt
		p.mu.Unlock()
		select {
		case <-a.done:
			if a.err != nil {
				return nil, a.err
			}
		case <-ctx.Done():
			return nil, domain.Wrap(domain.Unavailable, ctx.Err(), "EventStoreDB at %s cannot be reached in time", p.name)
		}
	}
}

// connect makes one attempt and tells all who wait.
func (p *clients) connect(a *attempt, wait time.Duration) {
	c, err := p.dial(wait)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.attempt = nil
	switch {
	case err != nil:
		a.err = err
		p.notUntil = time.Now().Add(jittered(p.failures))
		p.failures++
	case p.closed:
		a.err = errClosed()
		p.shut(c)
	case c.retired: // those who wait make another attempt
		p.notUntil = time.Now().Add(jittered(0))
		p.leave(c)
	default:
		p.current, p.failures = c, 0
		p.notUntil = time.Now().Add(jittered(0)) // a client that fails at once is not replaced in a tight loop
		p.leave(c)
		p.working.Go(func() { p.connected(p, c) })
	}
	close(a.done)
}

// dial makes a client and has it find a node, which its configuration bounds in
// time. The caller is a user of the client. It starts again when the leader changes.
func (p *clients) dial(wait time.Duration) (*client, error) {
	for {
		if !pause.Or(wait, p.changed, p.closing) {
			return nil, errClosed()
		}
		var leader string
		leader, p.changed = p.lead.leader()
		c, err := p.make(leader)
		if err != nil {
			return nil, err
		}
		found := make(chan error, 1)
		p.working.Go(func() { found <- p.find(c) })
		select {
		case err = <-found:
			if err != nil {
				return nil, err
			}
			return c, nil
		case <-p.changed:
			wait = jittered(0)
			p.working.Go(func() { // the library looks on for a while
				<-found
				p.mu.Lock()
				defer p.mu.Unlock()
				p.shut(c)
			})
		}
	}
}

// make makes a client with one user that goes to a node, or looks for one if that is "".
func (p *clients) make(node string) (*client, error) {
	c := &client{node: node, since: time.Now(), users: 1} // closing one that looks for its node would make the library panic
	c.dropped, c.drop = context.WithCancel(context.Background())
	config := p.config // the library keeps a pointer
	config.Logger = p.watch(c)
	if node != "" {
		config.Address, config.GossipSeeds, config.DnsDiscover, config.MaxDiscoverAttempts = node, nil, false, 1
	}
	made, err := esdb.NewClient(&config)
	if err != nil {
		c.drop()
		return nil, domain.Wrap(domain.Invalid, err, "The client of EventStoreDB at %s cannot be made", p.name)
	}
	c.Client = made
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open[c] = struct{}{}
	return c, nil
}

// find has c connect, or closes it.
func (p *clients) find(c *client) (err error) {
	if c.version, err = guarded(c.GetServerVersion); err == nil {
		return nil
	}
	p.mu.Lock()
	p.shut(c)
	p.mu.Unlock()
	p.lead.pollNow()
	f := classify(err)
	if f.kind == domain.Internal || f.kind == domain.Invalid {
		f.kind = domain.Unavailable // whatever answers there may be another one tomorrow
	}
	return domain.Wrap(f.kind, err, "EventStoreDB at %s cannot be reached", p.name)
}

func (p *clients) release(c *client) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.leave(c)
}

// leave is release for those that hold mu.
func (p *clients) leave(c *client) {
	c.users--
	if c.retired && c.users == 0 {
		p.shut(c)
	}
}

// retire has the calls to come made on another client. Those under way have a
// while to end: one may be stuck in the library until its client is closed.
func (p *clients) retire(c *client) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current == c {
		p.current = nil
	}
	if c.retired {
		return
	}
	c.retired = true
	p.lead.pollNow()
	if c.users == 0 {
		p.shut(c)
		return
	}
	c.grace = time.AfterFunc(retireGrace, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.shut(c)
	})
}

// shut closes c once. The caller holds mu.
func (p *clients) shut(c *client) {
	if c.shut {
		return
	}
	c.shut = true
	if c.grace != nil {
		c.grace.Stop()
	}
	delete(p.open, c)
	c.drop()
	_ = c.Close() // it never fails
}

// close ends the attempt under way, and then closes every client: what is still
// called on them ends with an error.
func (p *clients) close() {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	p.closed = true
	close(p.closing)
	p.mu.Unlock()
	p.working.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.current = nil
	for c := range p.open {
		if c.retired = true; c.users == 0 {
			p.shut(c)
		}
	}
}

// closeAll closes the clients that are still used.
func (p *clients) closeAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.open {
		p.shut(c)
	}
}

// jittered returns the wait before a repeat, of which there were n before.
func jittered(n int) time.Duration {
	return backoff.Policy{First: firstPause, Last: lastPause}.Jittered(n)
}

func errClosed() error { return domain.Errorf(domain.Unavailable, "The event log is closed.") }
