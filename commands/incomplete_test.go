package commands_test

import (
	"context"
	"iter"
	"strings"
	"sync"
	"testing"

	"orderflow/commands"
	"orderflow/domain"
	"orderflow/domain/decider"
	"orderflow/domain/eventlog"
	"orderflow/domain/inventory"
	"orderflow/domain/order"
	"orderflow/domain/shipment"
	"orderflow/infra/memory"
)

// hiding is a log in memory whose streams can be deleted as an EventStoreDB
// deletes them: such a stream reads as new from its beginning, and is Incomplete
// behind it and on append, though what was appended stands in the log.
type hiding struct {
	*memory.Log
	mu      sync.Mutex
	deleted map[eventlog.Stream]eventlog.Version // that stood when it was deleted
	refuses map[eventlog.Stream]bool             // appends with Conflict, as one whose events all are too old
}

func newHiding() *hiding {
	return &hiding{Log: memory.New(), deleted: map[eventlog.Stream]eventlog.Version{}, refuses: map[eventlog.Stream]bool{}}
}

func (h *hiding) hides(s eventlog.Stream) (last eventlog.Version, deleted, refuses bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	last, deleted = h.deleted[s]
	return last, deleted, h.refuses[s]
}

func (h *hiding) delete(t tester, s eventlog.Stream) {
	t.Helper()
	var last eventlog.Version
	for r, err := range h.Log.Read(ctx(), s, 0) {
		must(t, err)
		last = r.Version
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.deleted[s] = last
}

func (h *hiding) restore(s eventlog.Stream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.deleted, s)
}

func (h *hiding) Read(ctx context.Context, s eventlog.Stream, above eventlog.Version) iter.Seq2[eventlog.Recorded, error] {
	last, deleted, _ := h.hides(s)
	if !deleted {
		return h.Log.Read(ctx, s, above)
	}
	return func(yield func(eventlog.Recorded, error) bool) {
		for r, err := range h.Log.Read(ctx, s, last) {
			if err == nil && above < last {
				yield(eventlog.Recorded{}, eventlog.ErrIncomplete(s, above+1, r.Version))
				return
			}
			if !yield(r, err) {
				return
			}
		}
		if above > 0 && above <= last {
			yield(eventlog.Recorded{}, eventlog.ErrIncomplete(s, above, 0))
		}
	}
}

func (h *hiding) Append(ctx context.Context, s eventlog.Stream, v eventlog.Version, events ...eventlog.Pending) (eventlog.Appended, error) {
	last, deleted, refuses := h.hides(s)
	switch {
	case refuses:
		return eventlog.Appended{}, eventlog.ErrConflict(s, v, last)
	case !deleted:
		return h.Log.Append(ctx, s, v, events...)
	case v > 0:
		return eventlog.Appended{}, eventlog.ErrIncomplete(s, 1, 0)
	}
	at, err := h.Log.Append(ctx, s, last, events...)
	if err != nil {
		return at, err
	}
	return eventlog.Appended{}, eventlog.ErrIncomplete(s, 1, at.Version)
}

// A stream whose beginning is gone is Incomplete for a process that has to read
// it, whatever is asked; one that knew it when it was whole goes on until it is told.
func TestTruncatedStreamIsNotDecidedOn(t *testing.T) {
	for kind, d := range kinds() {
		t.Run(kind, func(t *testing.T) { truncatedStreamIsNotDecidedOn(t, d) })
	}
}

func truncatedStreamIsNotDecidedOn(t *testing.T, d decider.Decider[tally, added]) {
	log := memory.New()
	knows := newTally(log, d, commands.Options[tally]{})
	behind := newTally(log, d, commands.Options[tally]{})
	defer knows.Close()
	defer behind.Close()
	grow := func(from, to int) {
		for i := from; i < to; i++ {
			_, _, err := knows.Transact(ctx(), long, cause(string(rune('a'+i))), add(string(rune('a'+i)), 1))
			must(t, err)
		}
	}
	grow(0, 3)
	if _, _, err := behind.Load(ctx(), long); err != nil { // it knows the first three
		t.Fatal(err)
	}
	grow(3, 7)
	log.Scavenge(long, 6)
	for range 2 { // at the second time nothing may be left from the first
		fresh := newTally(log, d, commands.Options[tally]{})
		for name, a := range map[string]*commands.Aggregate[tally, added]{"fresh": fresh, "behind": behind} {
			appended := end(t, &store{Log: log})
			_, _, err := a.Load(ctx(), long)
			wantIncomplete(t, name+" load", err)
			_, _, err = a.Recent(ctx(), long)
			wantIncomplete(t, name+" recent", err)
			_, _, err = a.Transact(ctx(), long, cause("x"), add("x", 1))
			wantIncomplete(t, name+" transact", err)
			_, _, err = a.Transact(ctx(), long, cause("a"), add("a", 1)) // a repeat
			wantIncomplete(t, name+" repeat", err)
			_, _, err = a.Transact(ctx(), long, commands.Cause{Command: "y", Fresh: true}, add("y", 1))
			wantIncomplete(t, name+" fresh", err)
			if end(t, &store{Log: log}) != appended {
				t.Errorf("%s: something was appended", name)
			}
		}
		fresh.Close()
	}
	got, version, err := knows.Load(ctx(), long)
	if err != nil || got.Sum != 7 || version != 7 {
		t.Errorf("the process that knew it: %+v at %d, %v", got, version, err)
	}
	knows.Forget(long) // it was told
	appended := end(t, &store{Log: log})
	_, _, err = knows.Recent(ctx(), long)
	wantIncomplete(t, "recent, after it was told", err)
	_, _, err = knows.Transact(ctx(), long, cause("z"), add("z", 1))
	wantIncomplete(t, "transact, after it was told", err)
	if end(t, &store{Log: log}) != appended {
		t.Error("after it was told, something was appended")
	}
}

// A snapshot stands for what is missing before its last event, and for nothing else.
func TestTruncatedStreamAndItsSnapshot(t *testing.T) {
	for name, tc := range map[string]struct {
		below eventlog.Version // the first that is left
		whole bool
	}{
		"up to before the snapshot's last event": {20, true},
		"the snapshot's last event too":          {21, false},
		"what follows it too":                    {24, false},
		"everything":                             {31, false},
	} {
		t.Run(name, func(t *testing.T) {
			log := memory.New()
			keep := snapshots(log, "1", 20)
			grow(t, log, keep, 0, 30)
			log.Scavenge(long, tc.below)
			a := newTally(log, inPlace, commands.Options[tally]{Snapshots: keep})
			defer a.Close()
			got, version, err := a.Load(ctx(), long)
			if tc.whole && (err != nil || got.Sum != 30 || version != 30) {
				t.Errorf("%+v at %d, %v", got, version, err)
			}
			if !tc.whole {
				wantIncomplete(t, "load", err)
			}
		})
	}
}

// A deleted stream reads as new, so a decision may be made; its append says that
// it was none, it is not tried again, and nothing of it is kept.
func TestDeletedStreamIsNotBegunAgain(t *testing.T) {
	for _, fresh := range []bool{false, true} {
		log := newHiding()
		one := newTally(log, inPlace, commands.Options[tally]{})
		_, _, err := one.Transact(ctx(), long, cause("a"), add("a", 1))
		must(t, err)
		log.delete(t, long)
		two := newTally(log, inPlace, commands.Options[tally]{})
		_, _, err = two.Transact(ctx(), long, commands.Cause{Command: "b", Fresh: fresh}, add("b", 1))
		wantIncomplete(t, "the first append", err)
		after := end(t, &store{Log: log.Log})
		for name, a := range map[string]*commands.Aggregate[tally, added]{"the one that appended": two, "the one that knew it": one} {
			for range 2 {
				_, _, err = a.Transact(ctx(), long, commands.Cause{Command: "c", Fresh: fresh}, add("c", 1))
				wantIncomplete(t, name, err)
				_, _, err = a.Load(ctx(), long)
				wantIncomplete(t, name+" load", err)
			}
		}
		if end(t, &store{Log: log.Log}) != after {
			t.Error("it was appended to again")
		}
		log.restore(long)
		got, version, err := two.Load(ctx(), long)
		if err != nil || got.Sum != 2 || version != 2 {
			t.Errorf("restored: %+v at %d, %v", got, version, err)
		}
		one.Close()
		two.Close()
	}
}

// A stream whose events all are hidden and that refuses to be begun is Incomplete
// after a few tries.
func TestHiddenStreamThatConflictsIsIncomplete(t *testing.T) {
	log := newHiding()
	log.refuses[long] = true
	a := newTally(log, inPlace, commands.Options[tally]{})
	defer a.Close()
	_, _, err := a.Transact(ctx(), long, cause("a"), add("a", 1))
	wantIncomplete(t, "transact", err)
	_, _, err = a.Transact(ctx(), long, commands.Cause{Command: "a", Fresh: true}, add("a", 1))
	wantIncomplete(t, "fresh", err)
}

// Every command about a stream without its beginning is Incomplete and appends nothing.
func TestCommandsOnTruncatedStreams(t *testing.T) {
	all := map[string]struct {
		cut  func(id domain.OrderID) eventlog.Stream
		send func(id domain.OrderID) []commands.Command
	}{
		"order": {order.Stream, func(id domain.OrderID) []commands.Command {
			return []commands.Command{
				place("k1", line("holder", 1)), // another order under the same key; the very same one is recognised by the log
				commands.CancelOrder{Order: id},
				commands.FinishCancel{Order: id},
				commands.RejectOrder{Order: id, Reason: domain.OutOfStock},
				commands.ConfirmOrder{Order: id},
				commands.ReturnLines{Order: id, Return: "r", Lines: []order.ReturnedLine{{Line: 0, Quantity: 1}}},
			}
		}},
		"shipment": {shipment.Stream, func(id domain.OrderID) []commands.Command {
			return []commands.Command{commands.CancelOrder{Order: id}, commands.DispatchShipment{Order: id}, commands.DeliverShipment{Order: id}}
		}},
		"stock": {func(domain.OrderID) eventlog.Stream { return inventory.Stream("main") }, func(id domain.OrderID) []commands.Command {
			units := []inventory.Units{{SKU: "holder", Quantity: 1}}
			return []commands.Command{
				commands.ReserveStock{Order: "o2", Warehouse: "main", Units: units},
				commands.ReleaseStock{Order: id, Warehouse: "main"},
				commands.CommitStock{Order: id, Warehouse: "main"},
				commands.RestockReturn{Order: id, Warehouse: "main", Return: "r", Units: units},
				commands.ReceiveStock{Receipt: "r9", Units: units},
				commands.AdjustStock{Adjustment: "a9", SKU: "holder", Delta: 1},
			}
		}},
		"product": {func(domain.OrderID) eventlog.Stream { return "product-holder" }, func(domain.OrderID) []commands.Command {
			return []commands.Command{
				commands.RepriceProduct{SKU: "holder", Price: domain.GBP(7)},
				commands.DelistProduct{SKU: "holder"},
				commands.ListProduct{SKU: "holder", Name: "x", Price: domain.GBP(7)},
				place("k9", line("holder", 1)),
			}
		}},
	}
	for name, tc := range all {
		t.Run(name, func(t *testing.T) {
			l, log := shop(t)
			id := confirm(t, l, place("k1", line("holder", 2)))
			log.Scavenge(tc.cut(id), 2)
			before := end(t, log)
			fresh := commands.NewLocal(log, nil)
			defer fresh.Close()
			for _, c := range tc.send(id) {
				_, err := fresh.Send(ctx(), c)
				wantIncomplete(t, c.CommandName(), err)
				if err != nil && !strings.Contains(err.Error(), string(tc.cut(id))) {
					t.Errorf("%s does not name the stream: %v", c.CommandName(), err)
				}
			}
			if end(t, log) != before {
				t.Error("something was appended")
			}
		})
	}
}

// A confirmed order of whose parcel nothing is there is neither cancelled nor is
// its parcel said to be unbooked.
func TestDeletedShipmentOfConfirmedOrder(t *testing.T) {
	log := newHiding()
	l := commands.NewLocal(log, nil)
	do(t, l, commands.ListProduct{SKU: "holder", Name: "Holder", Price: domain.GBP(295)})
	do(t, l, commands.ReceiveStock{Receipt: "r1", Units: []inventory.Units{{SKU: "holder", Quantity: 10}}})
	id := confirm(t, l, place("k1", line("holder", 2)))
	l.Close()
	log.delete(t, shipment.Stream(id))
	l = commands.NewLocal(log, nil)
	defer l.Close()
	for _, c := range []commands.Command{commands.CancelOrder{Order: id}, commands.DispatchShipment{Order: id}, commands.DeliverShipment{Order: id}} {
		_, err := l.Send(ctx(), c)
		wantIncomplete(t, c.CommandName(), err)
	}
}

func wantIncomplete(t tester, what string, err error) {
	t.Helper()
	if err == nil || domain.KindOf(err) != domain.Incomplete {
		t.Errorf("%s: err = %v, want kind incomplete", what, err)
	}
}
