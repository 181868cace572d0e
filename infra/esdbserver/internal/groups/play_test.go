package groups_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver/internal/groups"
)

func TestMachine(t *testing.T) {
	for _, sc := range scenarios {
		t.Run(sc.name, func(t *testing.T) {
			p := newPlay(sc.settings, sc.memory)
			for n, line := range strings.Split(strings.TrimSpace(sc.script), "\n") {
				told, want, _ := strings.Cut(strings.TrimSpace(line), "=>")
				if got := p.tell(t, strings.Fields(told)); got != strings.TrimSpace(want) {
					t.Fatalf("line %d: %s\n got %q\nwant %q", n+1, told, got, strings.TrimSpace(want))
				}
			}
		})
	}
}

// play is a machine and what a scenario calls things.
type play struct {
	m     *groups.Machine
	now   time.Time
	end   int64 // of the parked stream
	parks int
	next  int64 // entry to be read
}

func newPlay(s groups.Settings, m groups.Memory) *play {
	if m.Checkpoint == 0 {
		m.Checkpoint = groups.Nowhere
	}
	switch s.MaxRetries {
	case 0:
		s.MaxRetries = 10
	case -1:
		s.MaxRetries = 0
	}
	defaults := func(n *int, value int) {
		if *n == 0 {
			*n = value
		}
	}
	defaults(&s.MinCheckpoint, 10)
	defaults(&s.MaxCheckpoint, 1000)
	defaults(&s.HistoryBuffer, 500)
	defaults(&s.LiveBuffer, 500)
	defaults(&s.ReadBatch, 20)
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	return &play{m: groups.NewMachine(now, s, m), now: now, end: m.ParkedEnd, next: m.ParkedFirst}
}

func (p *play) tell(t testing.TB, words []string) string {
	t.Helper()
	var told []groups.Input
	verb, rest := words[0], words[1:]
	switch verb {
	case "read":
		for _, w := range rest {
			told = append(told, groups.Read{Event: event(t, w)})
		}
	case "passed":
		told = append(told, groups.Passed{Place: groups.Place(number(t, rest[0])), Events: 10})
	case "join":
		told = append(told, groups.Join{Client: clientID(rest[0]), Slots: int(number(t, rest[1]))})
	case "leave":
		told = append(told, groups.Leave{Client: clientID(rest[0])})
	case "slow":
		for _, w := range rest[1:] {
			told = append(told, groups.Refused{Client: clientID(rest[0]), ID: id(t, w)})
		}
	case "ack":
		told = append(told, groups.Ack{IDs: ids(t, rest)})
	case "nack":
		told = append(told, groups.Nack{IDs: ids(t, rest[1:]), Action: actions[rest[0]], Reason: "because"})
	case "tick":
		d, err := time.ParseDuration(rest[0])
		if err != nil {
			t.Fatal(err)
		}
		p.now = p.now.Add(d)
		told = append(told, groups.Tick{})
	case "flush":
		told = append(told, groups.Flush{})
	case "replay":
		in := groups.Replay{StopAt: math.MaxInt64, End: p.end}
		if len(rest) > 0 {
			in.StopAt = number(t, rest[0])
		}
		told = append(told, in)
	case "unparked", "gone":
		in := groups.Unparked{Next: number(t, rest[len(rest)-1])}
		for ; p.next < in.Next; p.next++ {
			e := groups.Entry{Number: p.next, Event: groups.Event{ID: id(t, fmt.Sprint("p", p.next))}}
			for _, gone := range rest[:len(rest)-1] {
				e.Gone = e.Gone || number(t, gone) == p.next
			}
			in.Entries = append(in.Entries, e)
		}
		told = append(told, in)
	case "wrote":
		p.end += int64(p.parks)
		p.parks = 0
		told = append(told, groups.Wrote{End: p.end})
	default:
		t.Fatalf("%q is not something a machine is told", verb)
	}
	var said []string
	for _, in := range told {
		said = append(said, p.say(p.m.Step(p.now, in))...)
	}
	return strings.Join(said, " ")
}

func (p *play) say(out groups.Outputs) (said []string) {
	for _, d := range out.Deliveries {
		text := fmt.Sprintf("%c:%s", rune(d.Client), name(d.Event.ID))
		if d.Retries > 0 {
			text += fmt.Sprint("!", d.Retries)
		}
		said = append(said, text)
	}
	if w := out.Write; w != nil {
		var parks []string
		for _, park := range w.Parks {
			parks = append(parks, name(park.Event.ID))
		}
		if p.parks = len(parks); len(parks) > 0 {
			said = append(said, "park("+strings.Join(parks, ",")+")")
		}
		if w.HasCheckpoint {
			said = append(said, fmt.Sprintf("checkpoint(%d)", w.Checkpoint))
		}
		if w.TruncateTo > 0 {
			said = append(said, fmt.Sprintf("truncate(%d)", w.TruncateTo))
		}
	}
	if r := out.ReadParked; r != nil {
		p.next = r.From
		said = append(said, fmt.Sprintf("parked(%d-%d)", r.From, r.To))
	}
	return said
}

var actions = map[string]groups.Action{
	"unknown": groups.ActionUnknown, "park": groups.ActionPark, "retry": groups.ActionRetry, "skip": groups.ActionSkip, "stop": groups.ActionStop,
}

func event(t testing.TB, word string) groups.Event {
	t.Helper()
	word, bucket, _ := strings.Cut(word, "/")
	place, like, twin := strings.Cut(word, "#")
	e := groups.Event{Place: groups.Place(number(t, place)), ID: id(t, place)}
	if twin {
		e.ID = id(t, like)
	}
	if bucket != "" {
		e.Bucket = uint16(number(t, bucket))
	}
	return e
}

const parkedIDs = 1 << 32

func id(t testing.TB, name string) (id eventlog.EventID) {
	t.Helper()
	n := uint64(0)
	if entry, parked := strings.CutPrefix(name, "p"); parked {
		name, n = entry, parkedIDs
	}
	binary.BigEndian.PutUint64(id[8:], n+uint64(number(t, name)))
	return id
}

func ids(t testing.TB, names []string) (all []eventlog.EventID) {
	t.Helper()
	for _, n := range names {
		all = append(all, id(t, n))
	}
	return all
}

func name(id eventlog.EventID) string {
	n := binary.BigEndian.Uint64(id[8:])
	if n < parkedIDs {
		return fmt.Sprint(n)
	}
	return fmt.Sprint("p", n-parkedIDs)
}

func number(t testing.TB, text string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func clientID(name string) groups.ClientID { return groups.ClientID(name[0]) }
