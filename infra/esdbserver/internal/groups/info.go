package groups

import (
	"slices"
	"strings"
	"time"
)

// Info describes a group.
type Info struct {
	Key      Key
	Settings Settings

	Status      string
	Clients     []ClientInfo
	PerSecond   int
	Delivered   uint64
	SinceLast   uint64 // deliveries since this was last asked
	Checkpoint  Place
	Saved       bool // whether there is a checkpoint
	LastKnown   Place
	ReadBuffer  int
	LiveBuffer  int
	RetryBuffer int
	InFlight    int
	Parked      int64
}

// ClientInfo describes one client of a group.
type ClientInfo struct {
	ID        ClientID
	Peer      Peer
	Slots     int // free ones
	InFlight  int
	PerSecond int
	Delivered uint64
	SinceLast uint64
	Observed  []Measurement
}

// Info describes the machine as it is.
func (m *Machine) Info() Info {
	info := Info{
		Settings: m.settings, Status: m.status(), Delivered: m.delivered,
		Checkpoint: m.checkpoint, Saved: m.saved, LastKnown: m.pulled,
		RetryBuffer: m.retries.len() + m.replay.queue.len(), InFlight: len(m.inflight), Parked: m.replay.parked(),
	}
	if m.caughtUp {
		info.LiveBuffer = m.fresh.len()
	} else {
		info.ReadBuffer = m.fresh.len()
	}
	for _, c := range m.clients {
		ci := ClientInfo{ID: c.id, Slots: max(0, c.slots-c.inflight), InFlight: c.inflight, Delivered: c.delivered}
		if m.settings.ExtraStatistics {
			ci.Observed = c.observed.figures()
		}
		info.Clients = append(info.Clients, ci)
	}
	return info
}

// status is EventStoreDB's name of the state, which is a set of flags. A group
// that has caught up and has no room for what is new is behind until it has.
func (m *Machine) status() string {
	var flags []string
	live := m.caughtUp && m.Room()
	if !live {
		flags = append(flags, "Behind")
		if m.Room() {
			flags = append(flags, "OutstandingPageRequest")
		}
	}
	if m.replay.replaying() {
		flags = append(flags, "ReplayingParkedMessages")
	}
	if live {
		flags = append(flags, "Live")
	}
	return strings.Join(flags, ", ")
}

// Measurement is one figure about how long a client took.
type Measurement struct {
	Name string
	Took time.Duration
}

// measurements keeps the last durations of a client.
type measurements struct {
	took []time.Duration
	next int
}

// maxMeasurements are kept of each client.
const maxMeasurements = 1_000

func (o *measurements) add(d time.Duration) {
	if len(o.took) < maxMeasurements {
		o.took = append(o.took, d)
		return
	}
	o.took[o.next] = d
	o.next = (o.next + 1) % maxMeasurements
}

// figures are EventStoreDB's, by its names.
func (o *measurements) figures() []Measurement {
	if len(o.took) == 0 {
		return nil
	}
	sorted := slices.Sorted(slices.Values(o.took))
	var sum time.Duration
	for _, d := range sorted {
		sum += d
	}
	at := func(share float64) time.Duration {
		return sorted[min(len(sorted)-1, int(share*float64(len(sorted))))]
	}
	return []Measurement{
		{"Mean", sum / time.Duration(len(sorted))},
		{"Median", at(.5)},
		{"Fastest", sorted[0]},
		{"Quintile 1", at(.2)},
		{"Quintile 2", at(.4)},
		{"Quintile 3", at(.6)},
		{"Quintile 4", at(.8)},
		{"Quintile 5", at(1)},
		{"90%", at(.9)},
		{"95%", at(.95)},
		{"99%", at(.99)},
		{"99.5%", at(.995)},
		{"99.9%", at(.999)},
		{"Highest", at(1)},
	}
}
