package groups_test

import (
	"encoding/binary"
	"testing"
	"time"

	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver/internal/groups"
)

// filler makes a machine take events until it has no room.
type filler struct {
	m         *groups.Machine
	place     groups.Place
	delivered []eventlog.EventID
}

func newFiller(change func(*groups.Settings)) *filler {
	return &filler{m: groups.NewMachine(time.Unix(0, 0), settings(change), groups.Memory{Checkpoint: groups.Nowhere})}
}

func (f *filler) step(in groups.Input) groups.Outputs {
	out := f.m.Step(time.Unix(0, 0), in)
	for _, d := range out.Deliveries {
		f.delivered = append(f.delivered, d.Event.ID)
	}
	return out
}

func (f *filler) fill(bytes int) (events int) {
	for f.m.Room() {
		e := groups.Event{Place: f.place, Bytes: bytes}
		binary.BigEndian.PutUint64(e.ID[8:], uint64(f.place)+1)
		f.place++
		f.step(groups.Read{Event: e})
		events++
	}
	return events
}

func TestWhatAMachineHolds(t *testing.T) {
	small := func(s *groups.Settings) { s.HistoryBuffer, s.LiveBuffer = 7, 3 }
	if n := newFiller(small).fill(1); n != 7 {
		t.Errorf("%d events are read ahead, want 7", n)
	}
	live := newFiller(small)
	live.step(groups.CaughtUp{})
	if n := live.fill(1); n != 3 || live.m.Info().Status != "Behind" {
		t.Errorf("%d events are read ahead while %s, want 3", n, live.m.Info().Status)
	}
	large := func(s *groups.Settings) { s.HistoryBuffer = 1 << 30 }
	if n := newFiller(large).fill(1); n != groups.MaxBufferEvents {
		t.Errorf("%d events are read ahead, want %d", n, groups.MaxBufferEvents)
	}
	heavy := newFiller(nil)
	if n := heavy.fill(groups.MaxHeldBytes/4 + 1); n != 4 {
		t.Errorf("%d large events are read ahead, want 4", n)
	}
	heavy.step(groups.Join{Client: 1, Slots: 100})
	if heavy.m.Room() {
		t.Error("what is in flight is not held")
	}
	heavy.step(groups.Ack{IDs: heavy.delivered[:2]})
	if !heavy.m.Room() {
		t.Error("what was acknowledged is held")
	}
}

// TestParkingWaitsForTheLog parks everything while the log takes nothing: the
// group stops, and goes on when the log does.
func TestParkingWaitsForTheLog(t *testing.T) {
	f := newFiller(nil)
	f.step(groups.Join{Client: 1, Slots: 100})
	var write *groups.Write
	parked, end := 0, int64(0)
	for range 100_000 {
		f.fill(1)
		if len(f.delivered) == 0 {
			break
		}
		id := f.delivered[0]
		f.delivered = f.delivered[1:]
		if out := f.step(groups.Nack{IDs: []eventlog.EventID{id}, Action: groups.ActionPark}); out.Write != nil {
			if write != nil {
				t.Fatal("two writes at a time")
			}
			write = out.Write
		}
		parked++
	}
	if parked > 1_200 || parked < 1_000 {
		t.Fatalf("%d events wait to be parked", parked)
	}
	for write != nil { // the log is well again
		if len(write.Parks) > 64 {
			t.Fatalf("%d links in one write", len(write.Parks))
		}
		end += int64(len(write.Parks))
		write = f.step(groups.Wrote{End: end}).Write
	}
	if int(end) != parked || f.m.Info().Parked != end || len(f.delivered) == 0 {
		t.Errorf("%d of %d were parked, and %d events delivered since", end, parked, len(f.delivered))
	}
}
