package groups_test

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver/internal/groups"
)

// TestWhateverHappens plays clients, a log and crashes against a machine, and
// holds after every step what a group promises:
//
//   - every event is delivered until it is acknowledged, skipped or parked;
//   - no checkpoint passes an event that is in flight, to be retried or not yet assigned;
//   - no client has more than it takes; what is new comes in order;
//   - a stream that is pinned is with one client, and stays with it unless one joins;
//   - no event is twice in the parked stream, and none is lost from it;
//   - nobody waits while a client is free.
func TestWhateverHappens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		t.Repeat(map[string]func(*rapid.T){
			"":        w.check,
			"append":  w.append,
			"join":    w.join,
			"leave":   w.leave,
			"ack":     w.ack,
			"late":    w.ackLate,
			"nack":    w.nack,
			"tick":    w.tick,
			"write":   w.write,
			"replay":  w.replay,
			"refuse":  w.refuse,
			"caught":  func(t *rapid.T) { w.step(t, groups.CaughtUp{}) },
			"restart": w.restart,
		})
		w.drain(t)
	})
}

func (w *world) append(t *rapid.T) {
	e := &sourced{Event: groups.Event{Bucket: uint16(rapid.IntRange(0, 3).Draw(t, "bucket")), Bytes: 1}}
	e.Place = groups.Place(rapid.IntRange(1, 3).Draw(t, "gap"))
	if last := len(w.source) - 1; last >= 0 {
		e.Place += w.source[last].Place
	}
	binary.BigEndian.PutUint64(e.ID[8:], uint64(len(w.source)))
	if len(w.source) > 0 && rapid.IntRange(0, 4).Draw(t, "twin") == 0 {
		e.ID = rapid.SampledFrom(w.source).Draw(t, "of").ID
	}
	w.source = append(w.source, e)
	w.feed(t)
}

func (w *world) join(t *rapid.T) {
	if len(w.slots) == 4 {
		t.Skip("enough")
	}
	w.clients++
	w.slots[w.clients] = rapid.IntRange(1, 3).Draw(t, "slots")
	w.step(t, groups.Join{Client: w.clients, Slots: w.slots[w.clients]})
}

func (w *world) client(t *rapid.T) groups.ClientID {
	if len(w.slots) == 0 {
		t.Skip("nobody")
	}
	var all []groups.ClientID
	for c := range w.slots {
		all = append(all, c)
	}
	slices.Sort(all)
	return rapid.SampledFrom(all).Draw(t, "client")
}

func (w *world) leave(t *rapid.T) {
	c := w.client(t)
	delete(w.slots, c)
	for b, owner := range w.owners {
		if owner.client == c {
			delete(w.owners, b)
		}
	}
	for id, f := range w.flights {
		if f.client == c {
			delete(w.flights, id)
		}
	}
	w.step(t, groups.Leave{Client: c})
}

func oneOf(t *rapid.T, flights map[eventlog.EventID]flying) (eventlog.EventID, flying) {
	if len(flights) == 0 {
		t.Skip("nothing is in flight")
	}
	var all []eventlog.EventID
	for id := range flights {
		all = append(all, id)
	}
	slices.SortFunc(all, func(a, b eventlog.EventID) int { return slices.Compare(a[:], b[:]) })
	id := rapid.SampledFrom(all).Draw(t, "id")
	return id, flights[id]
}

func (w *world) ack(t *rapid.T) {
	id, f := oneOf(t, w.flights)
	delete(w.flights, id)
	w.source[f.source].done = true
	w.step(t, groups.Ack{IDs: []eventlog.EventID{id}})
}

func (w *world) ackLate(t *rapid.T) {
	id, f := oneOf(t, w.late)
	if _, again := w.flights[id]; again { // then it is about that one
		t.Skip("in flight again")
	}
	delete(w.late, id)
	w.source[f.source].done = true
	w.step(t, groups.Ack{IDs: []eventlog.EventID{id}})
}

func (w *world) nack(t *rapid.T) {
	id, f := oneOf(t, w.flights)
	action := rapid.SampledFrom([]groups.Action{groups.ActionUnknown, groups.ActionPark, groups.ActionRetry, groups.ActionSkip, groups.ActionStop}).Draw(t, "action")
	delete(w.flights, id)
	if action == groups.ActionSkip || action == groups.ActionStop {
		w.source[f.source].done = true
	}
	w.step(t, groups.Nack{IDs: []eventlog.EventID{id}, Action: action, Reason: "because"})
}

func (w *world) tick(t *rapid.T) {
	w.now, w.refused = w.now.Add(time.Second), false
	for id, f := range w.flights {
		if !f.deadline.After(w.now) {
			delete(w.flights, id)
			if delete(w.late, id); f.retries < w.settings.MaxRetries {
				w.late[id] = f
			}
		}
	}
	w.step(t, groups.Tick{})
}

func (w *world) write(t *rapid.T) {
	if w.pending == nil {
		t.Skip("nothing is being written")
	}
	w.store()
	w.step(t, groups.Wrote{End: int64(len(w.parked))})
}

func (w *world) replay(t *rapid.T) {
	stop := rapid.Int64Range(0, int64(len(w.parked))+1).Draw(t, "stop at")
	w.step(t, groups.Replay{StopAt: stop, End: int64(len(w.parked))})
}

func (w *world) refuse(t *rapid.T) {
	id, f := oneOf(t, w.flights)
	delete(w.flights, id)
	w.refused = true
	w.step(t, groups.Refused{Client: f.client, ID: id})
}

// restart is a crash: a write that was on its way is stored or not.
func (w *world) restart(t *rapid.T) {
	if w.pending != nil && rapid.Bool().Draw(t, "stored") {
		w.store()
	}
	for i, e := range w.source { // what was acknowledged after the checkpoint is forgotten
		if e.Place > w.checkpoint && !slices.ContainsFunc(w.parked[w.first:], func(p entry) bool { return p.source == i }) {
			e.done = false
		}
	}
	for _, p := range w.parked[w.first:] {
		w.source[p.source].done = false
	}
	w.boot()
	w.feed(t)
}

func (w *world) twins() bool {
	seen := map[eventlog.EventID]bool{}
	for _, e := range w.source {
		if seen[e.ID] {
			return true
		}
		seen[e.ID] = true
	}
	return false
}

func (w *world) check(t *rapid.T) {
	info := w.m.Info()
	if info.InFlight != len(w.flights) {
		t.Fatalf("%d in flight, the clients know of %d", info.InFlight, len(w.flights))
	}
	if info.Parked < 0 {
		t.Fatalf("%d parked", info.Parked)
	}
	inflight := map[groups.ClientID]int{}
	for _, f := range w.flights {
		inflight[f.client]++
	}
	for c, slots := range w.slots {
		if w.settings.Strategy != groups.Pinned && inflight[c] < slots && info.RetryBuffer+info.ReadBuffer+info.LiveBuffer > 0 && !w.refused && !w.twins() {
			t.Fatalf("client %d is free and an event waits", c)
		}
	}
}

// drain is a client that deals with everything. Afterwards nothing is left.
func (w *world) drain(t *rapid.T) {
	w.clients++
	w.slots[w.clients] = 100
	w.step(t, groups.Join{Client: w.clients, Slots: 100})
	w.step(t, groups.Replay{StopAt: 1 << 62, End: int64(len(w.parked))})
	idle := 0
	for rounds := 0; idle < 3; rounds++ {
		if rounds > 10_000 {
			t.Fatal("it never ends")
		}
		before := len(w.parked)
		busy := w.pending != nil || len(w.flights) > 0
		if w.pending != nil {
			w.store()
			w.step(t, groups.Wrote{End: int64(len(w.parked))})
		}
		for len(w.flights) > 0 {
			for id, f := range w.flights {
				delete(w.flights, id)
				w.source[f.source].done = true
				w.step(t, groups.Ack{IDs: []eventlog.EventID{id}})
				break
			}
		}
		w.step(t, groups.Tick{})
		if len(w.parked) > before { // parked before it was drained
			w.step(t, groups.Replay{StopAt: 1 << 62, End: int64(len(w.parked))})
			busy = true
		}
		if idle++; busy {
			idle = 0
		}
	}
	w.step(t, groups.Flush{})
	if w.pending != nil {
		w.store()
		w.step(t, groups.Wrote{End: int64(len(w.parked))})
	}
	for _, e := range w.source {
		if !e.done {
			t.Fatalf("event %d was never dealt with", e.Place)
		}
	}
	if n := len(w.source); n > 0 && w.checkpoint != w.source[n-1].Place {
		t.Fatalf("the checkpoint is %d, the last event %d", w.checkpoint, w.source[n-1].Place)
	}
	if w.first != len(w.parked) {
		t.Fatalf("%d entries are left parked", len(w.parked)-w.first)
	}
}
