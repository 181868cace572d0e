package groups

import (
	"container/list"
	"time"

	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver/internal/engine"
)

// Event is an event that a group delivers to a client.
type Event struct {
	ID       eventlog.EventID // by which it is acknowledged
	Place    Place
	Bucket   uint16 // of the strategies that pin; below [Buckets]
	Bytes    int
	Resolved engine.Resolved
}

// ClientID names a client within its group; the caller never uses one again.
type ClientID uint64

// Input is an input of the state machine.
type Input interface{ input() }

// The inputs.
type (
	// Read is the next event of the source. It is given only while [Machine.Room].
	Read struct{ Event Event }
	// Passed says that the source was considered up to a place and holds
	// nothing there that this group still wants.
	Passed struct {
		Place  Place
		Events uint64 // how many were considered
	}
	// CaughtUp says that what follows is new.
	CaughtUp struct{}

	// Join is a client that takes so many unacknowledged events.
	Join struct {
		Client ClientID
		Slots  int
	}
	// Leave ends a client; what it had is for the others.
	Leave struct{ Client ClientID }
	// Refused takes a delivery back: the client reads too slowly.
	Refused struct {
		Client ClientID
		ID     eventlog.EventID
	}
	// Ack acknowledges events. Ids that are not in flight are passed over.
	Ack struct{ IDs []eventlog.EventID }
	// Nack reports events that the client did not handle.
	Nack struct {
		IDs    []eventlog.EventID
		Action Action
		Reason string
	}

	// Replay delivers parked events again, those with numbers below StopAt.
	Replay struct {
		StopAt int64
		End    int64 // the number the next parked event will have
	}
	// Unparked answers a [ReadParked].
	Unparked struct {
		Entries []Entry
		Next    int64 // where to go on
	}

	// Wrote says that the last [Write] is durable.
	Wrote struct {
		End int64 // the number the next parked event will have, if any were parked
	}
	// Tick comes about once a second.
	Tick struct{}
	// Flush asks for everything that is worth being written now.
	Flush struct{}
)

// Action is a client's choice for an event that it did not handle.
type Action int

// The actions. Stop does not stop anything: it drops the event, as EventStoreDB does.
const (
	ActionUnknown Action = iota
	ActionPark
	ActionRetry
	ActionSkip
	ActionStop
)

func (Read) input()     {}
func (Passed) input()   {}
func (CaughtUp) input() {}
func (Join) input()     {}
func (Leave) input()    {}
func (Refused) input()  {}
func (Ack) input()      {}
func (Nack) input()     {}
func (Replay) input()   {}
func (Unparked) input() {}
func (Wrote) input()    {}
func (Tick) input()     {}
func (Flush) input()    {}

// Outputs are the effects that the machine requests, to be executed in this order.
type Outputs struct {
	Deliveries []Delivery // valid until the next step
	Write      *Write     // there is never more than one that is not answered by [Wrote]
	ReadParked *ReadParked
}

// Delivery is an event for a client.
type Delivery struct {
	Client  ClientID
	Event   Event
	Retries int
}

// Write is to be stored in one append, all or none.
type Write struct {
	Parks         []Park
	Checkpoint    Place // everything up to it is done with
	HasCheckpoint bool
	TruncateTo    int64 // the first parked event that is kept; 0 for no change

	upTo uint64 // the count of events at the checkpoint
}

// Park is an event that no client could handle.
type Park struct {
	Event  Event
	Reason string

	item *item
}

// ReadParked asks for parked events: at most so many, from a number on.
type ReadParked struct {
	From, To int64 // To is not included
	Max      int
}

// Entry is a parked event.
type Entry struct {
	Number int64
	Event  Event
	Gone   bool // what it points to was deleted
}

// Memory is the stored state of a group. One that never ran has read up to [Nowhere],
// or up to where it is to start.
type Memory struct {
	Checkpoint  Place // after which it goes on reading
	Saved       bool  // whether that was ever written
	ParkedFirst int64 // the first parked event that is kept
	ParkedEnd   int64 // the number the next parked event will have
}

// item is an event the machine has not finished with.
type item struct {
	event   Event
	before  Place  // of the event that the source held before it
	count   uint64 // of events of the source, itself included
	entry   int64  // its number in the parked stream, -1 for an event of the source
	retries int
	reason  string // why it is to be parked

	client   *client       // while in flight
	flight   *list.Element // in Machine.flights
	deadline time.Time
	since    time.Time     // of the last delivery
	open     *list.Element // in Machine.open or Machine.replay.open
	writing  bool
	finished bool
}

func (i *item) replayed() bool { return i.entry >= 0 }

// Machine decides everything about one group. It knows no clock, starts nothing
// and waits for nothing. It is not safe for concurrent use.
type Machine struct {
	settings Settings
	now      time.Time
	out      Outputs

	clients []*client
	free    int // of them
	turn    int // whose it is in a round
	next    int // whose it is after the one that was chosen
	pins    pins

	retries, fresh queue
	inflight       map[eventlog.EventID]*item
	flights        *list.List                 // the same, the oldest delivery first
	late           map[eventlog.EventID]*item // of retries: those that took too long
	held           int                        // bytes of all events not finished

	open         *list.List // events of the source not finished, by place
	pulled       Place      // the last one, finished or not
	pulledCount  uint64
	caughtUp     bool
	checkpoint   Place
	saved        bool
	savedCount   uint64
	checkpointAt time.Time

	parking []*item // events of the source to be written as parked
	writing *Write
	replay  replay

	delivered uint64
}

// NewMachine returns the machine of a group without clients.
func NewMachine(now time.Time, s Settings, m Memory) *Machine {
	return &Machine{
		settings: s, now: now, checkpointAt: now,
		inflight: map[eventlog.EventID]*item{}, flights: list.New(), late: map[eventlog.EventID]*item{}, open: list.New(),
		pulled: m.Checkpoint, checkpoint: m.Checkpoint, saved: m.Saved,
		replay: replay{first: m.ParkedFirst, next: m.ParkedFirst, until: m.ParkedFirst, end: max(m.ParkedEnd, m.ParkedFirst), open: list.New()},
	}
}

// Room reports whether the machine takes another event of the source.
func (m *Machine) Room() bool {
	limit := m.settings.history()
	if m.caughtUp {
		limit = m.settings.live()
	}
	return m.fresh.len() < limit && m.held < MaxHeldBytes && len(m.parking) < maxParkingEvents
}

// Pulled returns the place after which the source is to be read.
func (m *Machine) Pulled() Place { return m.pulled }

// Step takes an input at a time and says what follows from it.
func (m *Machine) Step(now time.Time, in Input) Outputs {
	m.out, m.now = Outputs{Deliveries: m.out.Deliveries[:0]}, now
	due := whenDue
	switch in := in.(type) {
	case Read:
		m.read(in.Event)
	case Passed:
		m.pass(in)
	case CaughtUp:
		m.caughtUp = true
	case Join:
		m.clients = append(m.clients, &client{id: in.Client, slots: clamp(in.Slots, MaxBufferEvents)})
		m.free++
		m.pins.least = nil
	case Leave:
		m.leave(in.Client)
	case Refused:
		m.refused(in)
	case Ack:
		m.ack(in.IDs)
	case Nack:
		m.nack(in)
	case Replay:
		m.startReplay(in)
	case Unparked:
		m.unparked(in)
	case Wrote:
		m.wrote(in)
	case Tick:
		m.tick()
		due = whenWorthIt
	case Flush:
		due = always
	}
	m.deliver()
	m.readParked()
	m.save(due)
	return m.out
}

func (m *Machine) read(e Event) {
	i := &item{event: e, before: m.pulled, count: m.pulledCount + 1, entry: -1}
	i.open = m.open.PushBack(i)
	m.pulled, m.pulledCount = e.Place, i.count
	m.held += e.Bytes
	m.fresh.push(i)
}

func (m *Machine) pass(in Passed) {
	if in.Place > m.pulled {
		m.pulled = in.Place
		m.pulledCount += in.Events
	}
}

// finish is the end of an event, acknowledged, skipped or durably parked.
func (m *Machine) finish(i *item) {
	i.finished = true
	m.held -= i.event.Bytes
	if i.open == nil { // waited to be parked again
		return
	}
	if i.replayed() {
		m.replay.open.Remove(i.open)
	} else {
		m.open.Remove(i.open)
	}
	i.open = nil
}
