package groups_test

import (
	"encoding/binary"
	"slices"
	"time"

	"pgregory.net/rapid"

	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver/internal/groups"
)

// sourced is an event of the source.
type sourced struct {
	groups.Event
	done bool // a client acknowledged or skipped it
}

// entry is an event of the parked stream.
type entry struct {
	source int // index into world.source
	id     eventlog.EventID
}

type flying struct {
	client   groups.ClientID
	source   int
	entry    int // -1 for an event of the source
	retries  int
	deadline time.Time
}

// owned is who has a bucket, and who was the last to join when it got it.
type owned struct{ client, joined groups.ClientID }

type world struct {
	settings groups.Settings
	now      time.Time
	m        *groups.Machine

	// durable
	source     []*sourced
	parked     []entry // all there ever were
	first      int     // that is kept
	checkpoint groups.Place

	// lost in a crash
	read      int // events of the source given to the machine
	pending   *groups.Write
	unparking *groups.ReadParked
	slots     map[groups.ClientID]int
	flights   map[eventlog.EventID]flying
	late      map[eventlog.EventID]flying
	owners    map[uint16]owned
	newest    groups.Place // delivered so far
	clients   groups.ClientID
	refused   bool // since the last tick
}

func newWorld(t *rapid.T) *world {
	strategies := []groups.Strategy{groups.RoundRobin, groups.DispatchToSingle, groups.Pinned}
	w := &world{
		now: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC), checkpoint: groups.Nowhere,
		settings: groups.Settings{
			Strategy:   rapid.SampledFrom(strategies).Draw(t, "strategy"),
			MaxRetries: rapid.IntRange(0, 2).Draw(t, "retries"), MessageTimeout: 3 * time.Second,
			HistoryBuffer: rapid.IntRange(1, 6).Draw(t, "history"), LiveBuffer: 2, ReadBatch: rapid.IntRange(1, 4).Draw(t, "batch"),
			MinCheckpoint: 1, MaxCheckpoint: rapid.IntRange(1, 5).Draw(t, "max checkpoint"),
		},
	}
	w.boot()
	return w
}

// boot is a machine that knows what is durable.
func (w *world) boot() {
	w.m = groups.NewMachine(w.now, w.settings, groups.Memory{
		Checkpoint: w.checkpoint, ParkedFirst: int64(w.first), ParkedEnd: int64(len(w.parked)),
	})
	w.read = 0
	for w.read < len(w.source) && w.source[w.read].Place <= w.checkpoint {
		w.read++
	}
	w.pending, w.unparking, w.newest = nil, nil, groups.Nowhere
	w.slots, w.owners = map[groups.ClientID]int{}, map[uint16]owned{}
	w.flights, w.late = map[eventlog.EventID]flying{}, map[eventlog.EventID]flying{}
}

// feed gives the machine what it has room for, and skips what was parked ahead
// of the checkpoint, as whoever runs it does.
func (w *world) feed(t *rapid.T) {
	for w.read < len(w.source) && w.m.Room() {
		e := w.source[w.read]
		w.read++
		if slices.ContainsFunc(w.parked[w.first:], func(p entry) bool { return p.source == w.read-1 }) {
			w.step(t, groups.Passed{Place: e.Place, Events: 1})
			continue
		}
		w.step(t, groups.Read{Event: e.Event})
	}
	if r := w.unparking; r != nil {
		w.unparking = nil
		in := groups.Unparked{Next: min(r.From+int64(r.Max), r.To)}
		for n := r.From; n < in.Next; n++ {
			e := w.source[w.parked[n].source].Event
			e.ID = w.parked[n].id
			in.Entries = append(in.Entries, groups.Entry{Number: n, Event: e})
		}
		w.step(t, in)
	}
}

func (w *world) step(t *rapid.T, in groups.Input) {
	out := w.m.Step(w.now, in)
	for _, d := range out.Deliveries {
		w.delivered(t, d)
	}
	if out.Write != nil {
		if w.pending != nil {
			t.Fatal("a second write before the first was answered")
		}
		w.pending = out.Write
		w.checkWrite(t, out.Write)
	}
	if out.ReadParked != nil {
		if w.unparking != nil {
			t.Fatal("parked events are asked for twice")
		}
		w.unparking = out.ReadParked
	}
	w.feed(t)
}

func (w *world) delivered(t *rapid.T, d groups.Delivery) {
	f := flying{client: d.Client, source: w.indexOf(d.Event.Place), entry: -1, retries: d.Retries, deadline: w.now.Add(w.settings.MessageTimeout)}
	for n := w.first; n < len(w.parked); n++ {
		if w.parked[n].id == d.Event.ID {
			f.entry = n
		}
	}
	if _, twin := w.flights[d.Event.ID]; twin {
		t.Fatalf("two events with one id are in flight")
	}
	w.flights[d.Event.ID] = f
	if l, ok := w.late[d.Event.ID]; ok && l.source == f.source && l.entry == f.entry {
		delete(w.late, d.Event.ID)
	}
	inflight := 0
	for _, other := range w.flights {
		if other.client == d.Client {
			inflight++
		}
		if w.settings.Strategy == groups.Pinned && w.source[other.source].Bucket == d.Event.Bucket && other.client != d.Client {
			t.Fatalf("bucket %d is with two clients", d.Event.Bucket)
		}
	}
	if slots, ok := w.slots[d.Client]; !ok || inflight > slots {
		t.Fatalf("client %d has %d of %d", d.Client, inflight, slots)
	}
	if w.settings.Strategy == groups.Pinned {
		owner, ok := w.owners[d.Event.Bucket]
		if ok && owner.client != d.Client && owner.joined == w.clients {
			t.Fatalf("bucket %d went from client %d to %d for no reason", d.Event.Bucket, owner.client, d.Client)
		}
		if !ok || owner.client != d.Client {
			w.owners[d.Event.Bucket] = owned{d.Client, w.clients}
		}
	}
	if f.entry >= 0 || d.Event.Place <= w.newest {
		return
	}
	for _, e := range w.source {
		if w.settings.Strategy != groups.Pinned && e.Place > w.newest && e.Place < d.Event.Place && !w.heldBack(e) {
			t.Fatalf("event %d is delivered before %d", d.Event.Place, e.Place)
		}
	}
	w.newest = d.Event.Place
}

// heldBack reports whether an event may be overtaken: it was dealt with already,
// or its id has a twin.
func (w *world) heldBack(e *sourced) bool {
	i := w.indexOf(e.Place)
	twin := func(other *sourced) bool { return other != e && other.ID == e.ID }
	parked := func(p entry) bool { return p.source == i }
	return e.done || e.Place <= w.checkpoint || slices.ContainsFunc(w.source, twin) || slices.ContainsFunc(w.parked, parked)
}

func (w *world) indexOf(p groups.Place) int {
	at, _ := slices.BinarySearchFunc(w.source, p, func(e *sourced, p groups.Place) int { return int(e.Place - p) })
	return at
}

// checkWrite holds the promises that are about what becomes durable.
func (w *world) checkWrite(t *rapid.T, write *groups.Write) {
	dropped := func(n int) bool { return write.TruncateTo > 0 && n < int(write.TruncateTo) }
	var there []int // the sources that will be parked
	for n := w.first; n < len(w.parked); n++ {
		if !dropped(n) {
			there = append(there, w.parked[n].source)
		}
	}
	for _, p := range write.Parks {
		there = append(there, w.indexOf(p.Event.Place))
	}
	slices.Sort(there)
	if len(slices.Compact(slices.Clone(there))) != len(there) {
		t.Fatalf("an event is parked twice: %v", there)
	}
	for i, e := range w.source {
		if write.HasCheckpoint && e.Place <= write.Checkpoint && !e.done && !slices.Contains(there, i) {
			t.Fatalf("checkpoint %d passes event %d", write.Checkpoint, e.Place)
		}
	}
	for n := w.first; n < len(w.parked); n++ {
		if s := w.parked[n].source; dropped(n) && !w.source[s].done && !slices.Contains(there, s) {
			t.Fatalf("event %d is lost from the parked stream", w.source[s].Place)
		}
	}
	if write.HasCheckpoint && write.Checkpoint <= w.checkpoint {
		t.Fatalf("checkpoint %d after %d", write.Checkpoint, w.checkpoint)
	}
}

// store makes the pending write durable.
func (w *world) store() {
	for _, p := range w.pending.Parks {
		id := eventlog.EventID{0: 1}
		binary.BigEndian.PutUint64(id[8:], uint64(len(w.parked)))
		w.parked = append(w.parked, entry{source: w.indexOf(p.Event.Place), id: id})
		w.source[w.indexOf(p.Event.Place)].done = false // until it is replayed
	}
	if w.pending.HasCheckpoint {
		w.checkpoint = w.pending.Checkpoint
	}
	w.first = max(w.first, int(w.pending.TruncateTo))
	w.pending = nil
}
