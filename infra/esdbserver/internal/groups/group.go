package groups

import (
	"context"
	"log/slog"
	"time"

	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver/internal/engine"
)

// Limits of a running group.
const (
	// tickInterval is how often what takes too long is looked for, and what
	// failed is tried again.
	tickInterval = time.Second
	// stopTimeout bounds how long a group that ends waits for its last write.
	stopTimeout = 5 * time.Second
	// maxRequests wait for a group before callers block.
	maxRequests = 64
)

// group is one group that runs: a goroutine that owns the machine, and one that
// reads the source for it.
type group struct {
	configured Configured
	filter     engine.Filter
	api        engine.API
	logger     *slog.Logger

	inbox    chan func()   // what others want done by the goroutine that owns the machine
	quit     chan quitting // takes one
	done     chan struct{} // closed when it has ended
	source   chan Input
	written  chan *Wrote // of the one write under way; nil if it was given up
	unparked chan Unparked

	// Owned by run.
	ctx     context.Context // of its reads and writes
	machine *Machine
	clients map[ClientID]*Client
	newest  ClientID
	skips   []Place // parked ahead of the checkpoint
	feeding context.CancelFunc
	feeder  chan struct{} // closed when it has ended
	writing bool
	reading bool
	refused []Input
	ended   bool // the stream it reads was tombstoned
	asked   rates
}

// quitting is the way a group is to end.
type quitting struct {
	reason Kind
	flush  bool
}

func startGroup(c Configured, filter engine.Filter, api engine.API, logger *slog.Logger) *group {
	g := &group{
		configured: c, filter: filter, api: api, logger: logger.With("subscription", c.Key.String()),
		inbox: make(chan func(), maxRequests), quit: make(chan quitting, 1), done: make(chan struct{}),
		source: make(chan Input), written: make(chan *Wrote, 1), unparked: make(chan Unparked, 1),
		clients: map[ClientID]*Client{}, asked: newRates(time.Now()), feeding: func() {},
	}
	go g.run()
	return g
}

// stop ends the group and waits for that. It is called once.
func (g *group) stop(reason Kind, flush bool) {
	g.quit <- quitting{reason, flush}
	<-g.done
}

// ask has something done by the goroutine that owns the machine. It returns
// before that is done.
func (g *group) ask(ctx context.Context, do func()) error {
	select {
	case <-g.done: // which the inbox would not notice
		return &Error{Kind: Dropped, Key: g.configured.Key}
	default:
	}
	select {
	case g.inbox <- do:
		return nil
	case <-g.done:
		return &Error{Kind: Dropped, Key: g.configured.Key}
	case <-ctx.Done():
		return ctx.Err()
	}
}

// wait is ask that returns when it is done.
func (g *group) wait(ctx context.Context, do func()) error {
	finished := make(chan struct{})
	if err := g.ask(ctx, func() { do(); close(finished) }); err != nil {
		return err
	}
	select {
	case <-finished:
		return nil
	case <-g.done:
		return &Error{Kind: Dropped, Key: g.configured.Key}
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *group) run() {
	defer close(g.done)
	var cancel context.CancelFunc
	g.ctx, cancel = context.WithCancel(context.Background())
	defer cancel()
	ticks := time.NewTicker(tickInterval)
	defer ticks.Stop()
	for g.machine == nil {
		if err := g.load(); err != nil {
			g.logger.Warn("a persistent subscription cannot be loaded yet", "error", err)
			select {
			case <-ticks.C:
			case <-g.quit:
				return
			}
		}
	}
	g.feed()
	for {
		source := g.source
		if !g.machine.Room() {
			source = nil // the log keeps it
		}
		select {
		case do := <-g.inbox:
			do()
		case in := <-source:
			g.step(in)
		case w := <-g.written:
			g.writing = false
			g.step(*w)
		case u := <-g.unparked:
			g.reading = false
			g.step(u)
		case <-ticks.C:
			g.step(Tick{})
			if g.feeder == nil {
				g.feed()
			}
		case q := <-g.quit:
			g.end(q, cancel)
			return
		}
	}
}

// step tells the machine something and does what it wants.
func (g *group) step(in Input) {
	g.perform(g.machine.Step(time.Now(), in))
	for len(g.refused) > 0 {
		in, g.refused = g.refused[0], g.refused[1:]
		g.perform(g.machine.Step(time.Now(), in))
	}
}

func (g *group) perform(out Outputs) {
	for _, d := range out.Deliveries {
		select {
		case g.clients[d.Client].deliveries <- d:
		default: // full of what was taken from it again: it does not read
			g.refused = append(g.refused, Refused{Client: d.Client, ID: d.Event.ID})
		}
	}
	if out.Write != nil {
		g.write(*out.Write)
	}
	if out.ReadParked != nil {
		g.readParked(*out.ReadParked)
	}
}

// join adds a client.
func (g *group) join(ctx context.Context, peer Peer, slots int) (*Client, error) {
	joined := make(chan *Client, 1)
	err := g.wait(ctx, func() {
		if len(g.clients) >= g.configured.Settings.clients() {
			joined <- nil
			return
		}
		g.newest++
		slots = clamp(slots, MaxBufferEvents)
		c := &Client{group: g, id: g.newest, peer: peer, deliveries: make(chan Delivery, slots), dropped: make(chan struct{})}
		if g.barred() {
			c.err = &Error{Kind: Dropped, Key: g.configured.Key}
			close(c.dropped)
			joined <- c
			return
		}
		g.clients[c.id] = c
		g.step(Join{Client: c.id, Slots: slots})
		joined <- c
	})
	if err != nil { // it may come in after its caller has left
		_ = g.ask(context.WithoutCancel(ctx), func() {
			if c := <-joined; c != nil {
				g.leave(c)
			}
		})
		return nil, err
	}
	c := <-joined
	if c == nil {
		return nil, &Error{Kind: TooManyClients, Key: g.configured.Key}
	}
	return c, nil
}

func (g *group) leave(c *Client) {
	if g.clients[c.id] == c {
		delete(g.clients, c.id)
		g.step(Leave{Client: c.id})
	}
}

// dropAll drops the clients; what they had is for those to come.
func (g *group) dropAll(reason Kind) {
	for id, c := range g.clients {
		delete(g.clients, id)
		g.step(Leave{Client: id})
		c.err = &Error{Kind: reason, Key: g.configured.Key}
		close(c.dropped)
	}
}

// end drops the clients and writes the state that is worth writing.
func (g *group) end(q quitting, cancel context.CancelFunc) {
	g.feeding()
	if g.feeder != nil {
		<-g.feeder
	}
	g.dropAll(q.reason)
	limit := time.AfterFunc(stopTimeout, cancel)
	defer limit.Stop()
	if q.flush {
		g.step(Flush{})
	}
	for flushed := !q.flush; g.writing; {
		w := <-g.written // it is given up with the limit at the latest
		if g.writing = false; w == nil {
			break
		}
		g.step(*w)
		if !g.writing && !flushed {
			flushed = true
			g.step(Flush{})
		}
	}
	cancel()
	if g.reading {
		<-g.unparked
	}
}

// rates remembers when a group was last asked, to say what happened since.
type rates struct {
	at      time.Time
	total   uint64
	clients map[ClientID]uint64
}

func newRates(now time.Time) rates { return rates{at: now, clients: map[ClientID]uint64{}} }

// info describes the group, and resets its counts.
func (g *group) info() Info {
	info, before, now := g.machine.Info(), g.asked, time.Now()
	info.Key, info.Settings = g.configured.Key, g.configured.Settings
	g.asked = newRates(now)
	perSecond := func(n uint64) int {
		if seconds := now.Sub(before.at).Seconds(); seconds > 0 {
			return int(float64(n) / seconds)
		}
		return 0
	}
	g.asked.total, info.SinceLast = info.Delivered, info.Delivered-before.total
	info.PerSecond = perSecond(info.SinceLast)
	for i := range info.Clients {
		c := &info.Clients[i]
		c.Peer = g.clients[c.ID].peer
		g.asked.clients[c.ID], c.SinceLast = c.Delivered, c.Delivered-before.clients[c.ID]
		c.PerSecond = perSecond(c.SinceLast)
	}
	return info
}

// idOf is by what a client acknowledges an event.
func idOf(r engine.Resolved) eventlog.EventID { return r.Original().ID }
