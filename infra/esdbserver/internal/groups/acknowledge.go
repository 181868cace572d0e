package groups

import (
	"fmt"

	"orderflow/domain/eventlog"
)

// ack finishes events. One that took too long and waits for its retry is
// finished as well: that it comes late does not make it less done.
func (m *Machine) ack(ids []eventlog.EventID) {
	for _, id := range ids {
		if i := m.answered(id); i != nil {
			m.finish(i)
		}
	}
}

// answered takes an event that a client speaks of from where it is; nil if
// there is nothing to be said about it.
func (m *Machine) answered(id eventlog.EventID) *item {
	if i := m.inflight[id]; i != nil {
		if m.settings.ExtraStatistics {
			i.client.observe(m.now.Sub(i.since))
		}
		m.land(i)
		return i
	}
	if i := m.late[id]; i != nil {
		delete(m.late, id)
		m.retries.take(func(other *item) (taken, enough bool) { return other == i, other == i })
		return i
	}
	return nil
}

func (m *Machine) nack(in Nack) {
	var again []*item
	for _, id := range in.IDs {
		if (in.Action == ActionUnknown || in.Action == ActionRetry) && m.late[id] != nil {
			continue // the retry is on its way
		}
		i := m.answered(id)
		if i == nil {
			continue
		}
		switch in.Action {
		case ActionPark:
			m.park(i, "Client explicitly NAK'ed message.\n"+in.Reason)
		case ActionSkip, ActionStop:
			m.finish(i)
		default:
			if m.failed(i) {
				again = append(again, i)
			}
		}
	}
	m.retries.insert(again...)
}

// failed counts a failure; an event that failed too often is parked, another
// one is to be tried again.
func (m *Machine) failed(i *item) (again bool) {
	if i.retries >= m.settings.MaxRetries {
		m.park(i, fmt.Sprintf("Reached retry count of %d", m.settings.MaxRetries))
		return false
	}
	i.retries++
	return true
}

// park puts an event that is neither in flight nor waiting among those to be
// written. Until that is done it counts as not finished.
func (m *Machine) park(i *item, reason string) {
	i.reason = reason[:min(len(reason), MaxReasonBytes)]
	if i.replayed() {
		m.parkAgain(i)
		return
	}
	m.parking = append(m.parking, i)
}

// tick takes what is in flight for too long for lost, and gives clients that
// were too slow another chance.
func (m *Machine) tick() {
	for _, c := range m.clients {
		m.change(c, func() { c.stalled = false })
	}
	if m.settings.MessageTimeout <= 0 {
		return
	}
	var again []*item
	for e := m.flights.Front(); e != nil; e = m.flights.Front() {
		i := e.Value.(*item)
		if i.deadline.After(m.now) {
			break
		}
		m.land(i)
		if m.failed(i) {
			m.late[i.event.ID] = i
			again = append(again, i)
		}
	}
	m.retries.insert(again...)
}

// leave gives what a client had to the others. Each delivery that is lost so
// counts as a try, as in EventStoreDB, but parks nothing by itself.
func (m *Machine) leave(id ClientID) {
	at := m.find(id)
	if at < 0 {
		return
	}
	gone := m.clients[at]
	m.change(gone, func() { gone.stalled = true }) // its events free no other client
	m.clients = append(m.clients[:at], m.clients[at+1:]...)
	if m.turn > at {
		m.turn--
	}
	m.pins.release(gone)
	var again []*item
	for e := m.flights.Front(); e != nil; {
		i := e.Value.(*item)
		e = e.Next()
		if i.client == gone {
			m.land(i)
			i.retries++
			again = append(again, i)
		}
	}
	m.retries.insert(again...)
}

func (m *Machine) refused(in Refused) {
	if i := m.inflight[in.ID]; i != nil && i.client.id == in.Client {
		m.change(i.client, func() { i.client.stalled = true })
		m.land(i)
		m.retries.insert(i)
	}
}

// land ends a flight.
func (m *Machine) land(i *item) {
	delete(m.inflight, i.event.ID)
	m.flights.Remove(i.flight)
	m.change(i.client, func() { i.client.inflight-- })
	m.pins.flights[i.event.Bucket]--
	i.client, i.flight = nil, nil
}
