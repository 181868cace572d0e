package groups

import "time"

// client is one that events are delivered to.
type client struct {
	id        ClientID
	slots     int // how many events it takes before it acknowledges one
	inflight  int
	stalled   bool // it reads too slowly, until the next tick
	buckets   int  // that are pinned to it
	delivered uint64
	observed  measurements
}

func (c *client) free() bool { return c.inflight < c.slots && !c.stalled }

func (c *client) observe(d time.Duration) { c.observed.add(d) }

func (m *Machine) find(id ClientID) int {
	for at, c := range m.clients {
		if c.id == id {
			return at
		}
	}
	return -1
}

// deliver hands out what waits: retries first, then what was parked, then what
// is new.
func (m *Machine) deliver() {
	if m.free == 0 || len(m.parking) >= maxParkingEvents {
		return
	}
	for _, q := range []*queue{&m.retries, &m.replay.queue, &m.fresh} {
		if q.len() > 0 && q.take(m.offer) {
			return
		}
	}
}

// offer delivers an event if there is a client for it. An event with the id of
// one that is in flight waits: an acknowledgement could not tell them apart.
func (m *Machine) offer(i *item) (taken, enough bool) {
	c := m.choose(i.event.Bucket)
	if c == nil { // a strategy that pins may have a client for the next event
		return false, !m.settings.Strategy.pins() || m.free == 0
	}
	if m.inflight[i.event.ID] != nil {
		return false, false
	}
	m.turn = m.next
	if m.late[i.event.ID] == i {
		delete(m.late, i.event.ID)
	}
	i.client, i.since = c, m.now
	i.deadline = m.now.Add(m.settings.MessageTimeout)
	i.flight = m.flights.PushBack(i)
	m.inflight[i.event.ID] = i
	m.pins.flights[i.event.Bucket]++
	m.change(c, func() { c.inflight++ })
	c.delivered++
	m.delivered++
	m.out.Deliveries = append(m.out.Deliveries, Delivery{Client: c.id, Event: i.event, Retries: i.retries})
	return true, false
}

// change does something to a client and keeps count of those that are free.
func (m *Machine) change(c *client, do func()) {
	if c.free() {
		m.free--
	}
	if do(); c.free() {
		m.free++
	}
}

// choose returns the client for the next event, nil if it has to wait.
func (m *Machine) choose(bucket uint16) *client {
	switch m.settings.Strategy {
	case DispatchToSingle:
		for _, c := range m.clients {
			if c.free() {
				return c
			}
		}
		return nil
	case Pinned, PinnedByCorrelation:
		if c := m.pins.owner(bucket, m.clients); c != nil && c.free() {
			return c
		}
		return nil
	default:
		for n := range m.clients {
			at := (m.turn + n) % len(m.clients)
			if c := m.clients[at]; c.free() {
				m.next = at + 1
				return c
			}
		}
		return nil
	}
}
