package esdbserver_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/persistent"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"orderflow/infra/memory"
)

// invalidPosition is what a real server answers to a number that no record has.
const invalidPosition = "Trying to read from an invalid position."

// newest stands for the greatest number, which is the end.
const newest = math.MaxUint64

// allFrom returns a read of $all from a position, altered.
func allFrom(commit, prepare uint64, change func(*streams.ReadReq_Options)) *streams.ReadReq {
	return request(func(o *streams.ReadReq_Options) {
		o.StreamOption = &streams.ReadReq_Options_All{All: &streams.ReadReq_Options_AllOptions{
			AllOption: &streams.ReadReq_Options_AllOptions_Position{
				Position: &streams.ReadReq_Options_Position{CommitPosition: commit, PreparePosition: prepare},
			},
		}}
		o.CountOption = &streams.ReadReq_Options_Count{Count: 1_000}
		if change != nil {
			change(o)
		}
	})
}

func backwards(o *streams.ReadReq_Options) { o.ReadDirection = streams.ReadReq_Options_Backwards }

func following(o *streams.ReadReq_Options) { o.CountOption = &streams.ReadReq_Options_Subscription{} }

func followingFiltered(o *streams.ReadReq_Options) {
	following(o)
	o.FilterOption = &streams.ReadReq_Options_Filter{Filter: &streams.ReadReq_Options_FilterOptions{
		Filter: &streams.ReadReq_Options_FilterOptions_StreamIdentifier{
			StreamIdentifier: &streams.ReadReq_Options_FilterOptions_Expression{Prefix: []string{"mine-"}},
		},
		Window: &streams.ReadReq_Options_FilterOptions_Max{Max: 1}, CheckpointIntervalMultiplier: 1,
	}}
}

// positionsOf returns the positions of the events among answers.
func positionsOf(answers []*streams.ReadResp) (list []uint64) {
	for _, a := range answers {
		if e := a.GetEvent(); e != nil {
			list = append(list, e.GetCommitPosition())
		}
	}
	return list
}

// stored fills a node with events of mine-1 and other-1 and returns the
// positions of everything that is in $all, the node's own events included.
func stored(t *testing.T, n node) []uint64 {
	t.Helper()
	c := connect(t, "esdb://"+n.address+"?tls=false")
	for range 3 {
		mustAppend(t, c, "mine-1", event("a"), event("b"))
		mustAppend(t, c, "other-1", event("c"))
	}
	all, err := answers(t, streams.NewStreamsClient(n.dial(t)), allFrom(0, 0, nil))
	if err != nil {
		t.Fatal(err)
	}
	return positionsOf(all)
}

// TestPositionsHaveGaps says that nothing can count on neighbours: positions
// are some hundreds apart, and never evenly.
func TestPositionsHaveGaps(t *testing.T) {
	all := stored(t, serve(t, memory.NewDense()))
	gaps := map[uint64]int{}
	before := uint64(0)
	for _, p := range all {
		gap := p - before
		if p <= before || gap < 100 || gap > 1_000 {
			t.Errorf("the position %d follows %d", p, before)
		}
		gaps[gap]++
		before = p
	}
	if len(gaps) < len(all)/2 {
		t.Errorf("the gaps of %d events are %v", len(all), gaps)
	}
}

// TestEveryPositionIsOne follows what an append, a batch, a delete, a tombstone
// and a checkpoint say to where an event is.
func TestEveryPositionIsOne(t *testing.T) {
	n := serve(t, newLog(t))
	c := connect(t, "esdb://"+n.address+"?tls=false")
	raw := streams.NewStreamsClient(n.dial(t))
	told := map[string]uint64{}
	told["append"] = mustAppend(t, c, "mine-1", event("a"), event("b")).CommitPosition
	again := event("again")
	first, repeat := mustAppend(t, c, "mine-2", again), mustAppend(t, c, "mine-2", again)
	if told["repeat"] = repeat.CommitPosition; first.CommitPosition != repeat.CommitPosition {
		t.Errorf("a repeat is at %d, its first append at %d", repeat.CommitPosition, first.CommitPosition)
	}
	told["no events"] = mustAppend(t, c, "mine-2").CommitPosition
	call, err := raw.BatchAppend(ctx(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := call.Send(part("00000000-0000-0000-0000-000000000001", "mine-3", nil, true, "x")); err != nil {
		t.Fatal(err)
	}
	answer, err := call.Recv()
	if err != nil {
		t.Fatal(err)
	}
	told["batch"] = answer.GetSuccess().GetPosition().GetCommitPosition()
	deleted, err := c.DeleteStream(ctx(t), "mine-1", esdb.DeleteStreamOptions{})
	if err != nil {
		t.Fatal(err)
	}
	told["delete"] = deleted.Position.Commit
	ended, err := c.TombstoneStream(ctx(t), "mine-2", esdb.TombstoneStreamOptions{})
	if err != nil {
		t.Fatal(err)
	}
	told["tombstone"] = ended.Position.Commit

	given, cancel := context.WithCancel(ctx(t))
	defer cancel()
	sub, err := raw.Read(given, allFrom(0, 0, followingFiltered))
	if err != nil {
		t.Fatal(err)
	}
	for caughtUp := false; !caughtUp; {
		m, err := sub.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if c := m.GetCheckpoint(); c != nil {
			told["checkpoint"] = c.GetCommitPosition()
			if c.GetPreparePosition() != c.GetCommitPosition() {
				t.Errorf("a checkpoint is %v", c)
			}
		}
		caughtUp = m.GetCaughtUp() != nil
	}
	cancel()
	got, err := answers(t, raw, allFrom(0, 0, nil))
	if err != nil {
		t.Fatal(err)
	}
	all := positionsOf(got)
	for _, m := range got {
		if e := m.GetEvent(); e.GetEvent().GetCommitPosition() != e.GetCommitPosition() || e.GetEvent().GetPreparePosition() != e.GetCommitPosition() {
			t.Errorf("an event at %d says %v", e.GetCommitPosition(), e.GetEvent())
		}
	}
	if len(told) != 7 {
		t.Errorf("told are %v", told)
	}
	for what, p := range told {
		if !slices.Contains(all, p) {
			t.Errorf("%s says %d; the positions are %v", what, p, all)
		}
	}
	if end := webEnd(t, n); end != all[len(all)-1] {
		t.Errorf("/stats says that the last position is %d, not %d", end, all[len(all)-1])
	}
}

// TestNumbersThatNoRecordHas has the refusals of a real server.
func TestNumbersThatNoRecordHas(t *testing.T) {
	n := serve(t, memory.NewDense())
	all := stored(t, n)
	c := streams.NewStreamsClient(n.dial(t))
	for i, p := range all {
		for _, none := range []uint64{p - 1, p + 1} {
			if i == len(all)-1 && none > p {
				continue // beyond the end, see below
			}
			for name, change := range map[string]func(*streams.ReadReq_Options){
				"forwards": nil, "backwards": backwards, "subscribe": following, "subscribe filtered": followingFiltered,
			} {
				got, err := answers(t, c, allFrom(none, none, change))
				if status.Code(err) != codes.InvalidArgument || status.Convert(err).Message() != invalidPosition {
					t.Errorf("%s from %d, beside the position %d: %v", name, none, p, err)
				}
				if events := positionsOf(got); len(events) > 0 {
					t.Errorf("%s from %d yielded %v", name, none, events)
				}
			}
		}
		for back, want := range map[bool][]uint64{false: all[i:], true: all[:i]} {
			var change func(*streams.ReadReq_Options)
			if want = slices.Clone(want); back {
				change = backwards
				slices.Reverse(want)
			}
			got, err := answers(t, c, allFrom(p, p, change))
			if have := positionsOf(got); err != nil || !slices.Equal(have, want) {
				t.Errorf("from the position %d, backwards %t: %v, %v; want %v", p, back, have, err, want)
			}
		}
	}
}

// TestBeyondTheEnd says that forwards there is nothing, which is no error, and
// that backwards is refused unless it is the greatest number.
func TestBeyondTheEnd(t *testing.T) {
	n := serve(t, memory.NewDense())
	all := stored(t, n)
	c := streams.NewStreamsClient(n.dial(t))
	end := all[len(all)-1]
	for _, p := range []uint64{end + 1, end + 1_000_000, math.MaxInt64} {
		if got, err := answers(t, c, allFrom(p, p, nil)); err != nil || len(got) > 0 {
			t.Errorf("forwards from %d: %v, %v", p, got, err)
		}
		if got, err := answers(t, c, allFrom(p, p, backwards)); status.Code(err) != codes.InvalidArgument || status.Convert(err).Message() != invalidPosition || len(got) > 0 {
			t.Errorf("backwards from %d: %v, %v", p, got, err)
		}
		for name, change := range map[string]func(*streams.ReadReq_Options){"all": following, "filtered": followingFiltered} {
			given, cancel := context.WithCancel(ctx(t))
			sub, err := c.Read(given, allFrom(p, p, change))
			if err != nil {
				t.Fatal(err)
			}
			for caughtUp := false; !caughtUp; {
				m, err := sub.Recv()
				if err != nil {
					t.Fatalf("a subscription to %s from %d: %v", name, p, err)
				}
				if m.GetEvent() != nil || m.GetCheckpoint() != nil {
					t.Errorf("a subscription to %s from %d yielded %v", name, p, m)
				}
				caughtUp = m.GetCaughtUp() != nil
			}
			cancel()
			for err == nil {
				_, err = sub.Recv()
			}
		}
	}
	if got, err := answers(t, c, allFrom(newest, newest, nil)); err != nil || len(got) > 0 {
		t.Errorf("forwards from the greatest number: %v, %v", got, err)
	}
	got, err := answers(t, c, allFrom(newest, newest, backwards))
	if have := positionsOf(got); err != nil || len(have) != len(all) || have[0] != end {
		t.Errorf("backwards from the greatest number: %v, %v", have, err)
	}
}

// TestPrepareBesideCommit says what a pair of two different positions means.
// Only the record just below the commit is held against the prepare.
func TestPrepareBesideCommit(t *testing.T) {
	n := serve(t, memory.NewDense())
	all := stored(t, n)[:3]
	c := streams.NewStreamsClient(n.dial(t))
	for _, row := range []struct {
		commit, prepare uint64
		want            []uint64
	}{
		{all[2], all[2], []uint64{all[1], all[0]}},
		{all[2], all[1] + 1, []uint64{all[1], all[0]}},
		{all[2], all[1], []uint64{all[0]}},
		{all[2], 0, []uint64{all[0]}},
		{all[0], 0, nil},
		{0, 0, nil},
	} {
		got, err := answers(t, c, allFrom(row.commit, row.prepare, backwards))
		if have := positionsOf(got); err != nil || !slices.Equal(have, row.want) {
			t.Errorf("backwards from C:%d/P:%d: %v, %v; want %v; the first positions are %v", row.commit, row.prepare, have, err, row.want, all)
		}
	}
	for _, change := range []func(*streams.ReadReq_Options){nil, backwards, following} { // ours: there it ends with Unknown
		if _, err := answers(t, c, allFrom(all[1], all[2], change)); status.Code(err) != codes.InvalidArgument {
			t.Errorf("a prepare above its commit: %v", err)
		}
	}
	if got, err := answers(t, c, allFrom(all[1], all[1], func(o *streams.ReadReq_Options) { // ours: there it is not answered
		o.CountOption = &streams.ReadReq_Options_Count{}
	})); err != nil || len(got) > 0 {
		t.Errorf("no events of $all: %v, %v", got, err)
	}
}

// TestPositionsOfOthers subscribes to one prefix from the positions of events
// that it leaves out.
func TestPositionsOfOthers(t *testing.T) {
	n := serve(t, memory.NewDense())
	all := stored(t, n)
	c := streams.NewStreamsClient(n.dial(t))
	for i, p := range all {
		given, cancel := context.WithCancel(ctx(t))
		sub, err := c.Read(given, allFrom(p, p, followingFiltered))
		if err != nil {
			t.Fatal(err)
		}
		for caughtUp := false; !caughtUp; {
			m, err := sub.Recv()
			if err != nil {
				t.Fatalf("from the event %d at %d: %v", i, p, err)
			}
			if e := m.GetEvent(); e != nil && e.GetCommitPosition() <= p {
				t.Errorf("after %d comes %d", p, e.GetCommitPosition())
			}
			caughtUp = m.GetCaughtUp() != nil
		}
		cancel()
		for err == nil {
			_, err = sub.Recv()
		}
		if errors.Is(err, io.EOF) {
			t.Errorf("from %d: the subscription ended by itself", p)
		}
	}
}

func webEnd(t *testing.T, n node) uint64 {
	t.Helper()
	var answer struct {
		ES struct {
			Writer struct{ LastPosition uint64 } `json:"writer"`
		} `json:"es"`
	}
	fetch(t, "http://"+n.address+"/stats", &answer)
	return answer.ES.Writer.LastPosition
}

func fetch(t *testing.T, address string, into any) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx(t), http.MethodGet, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	defer http.DefaultClient.CloseIdleConnections()
	if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
		t.Fatal(err)
	}
}

// TestGroupsSpeakOfPositions says that a group on $all begins at a position that
// a client was told, and that its texts are such positions.
func TestGroupsSpeakOfPositions(t *testing.T) {
	n := serve(t, newLog(t))
	all := stored(t, n)
	raw := rawPersistent(t, n.address)
	at := len(all) - 3
	text := func(p uint64) string { return fmt.Sprintf("C:%d/P:%d", p, p) }
	_, err := raw.Create(ctx(t), &persistent.CreateReq{Options: &persistent.CreateReq_Options{
		GroupName: "g", StreamOption: &persistent.CreateReq_Options_All{All: &persistent.CreateReq_AllOptions{
			AllOption: &persistent.CreateReq_AllOptions_Position{Position: &persistent.CreateReq_Position{CommitPosition: all[at], PreparePosition: all[at]}},
		}},
		Settings: &persistent.CreateReq_Settings{
			ReadBatchSize: 1, HistoryBufferSize: 10, LiveBufferSize: 10, MinCheckpointCount: 1, MaxCheckpointCount: 1, NamedConsumerStrategy: persistent.CreateReq_RoundRobin,
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	sub, err := raw.Read(ctx(t))
	if err != nil {
		t.Fatal(err)
	}
	options := readOptions("g")
	options.GetOptions().StreamOption = &persistent.ReadReq_Options_All{All: empty()}
	options.GetOptions().BufferSize = 10
	if err := sub.Send(options); err != nil {
		t.Fatal(err)
	}
	var got []uint64
	for len(got) < 3 {
		m, err := sub.Recv()
		if err != nil {
			t.Fatal(err)
		}
		e := m.GetEvent()
		if e == nil {
			continue
		}
		got = append(got, e.GetCommitPosition())
		if inner := e.GetEvent(); inner.GetCommitPosition() != e.GetCommitPosition() {
			t.Errorf("an event at %d says %d", e.GetCommitPosition(), inner.GetCommitPosition())
		}
		if err := sub.Send(&persistent.ReadReq{Content: &persistent.ReadReq_Ack_{Ack: &persistent.ReadReq_Ack{Ids: []*shared.UUID{e.GetEvent().GetId()}}}}); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(got, all[at:]) {
		t.Errorf("the group delivers %v; want %v", got, all[at:])
	}
	for limit := ctx(t); ; {
		answer, err := raw.GetInfo(limit, &persistent.GetInfoReq{Options: &persistent.GetInfoReq_Options{
			GroupName: "g", StreamOption: &persistent.GetInfoReq_Options_All{All: empty()},
		}})
		if err != nil {
			t.Fatal(err)
		}
		info := answer.GetSubscriptionInfo()
		if info.GetStartFrom() != text(all[at]) || !strings.HasPrefix(info.GetLastKnownEventPosition(), "C:") {
			t.Fatalf("the group begins at %s and knows of %s", info.GetStartFrom(), info.GetLastKnownEventPosition())
		}
		if info.GetLastCheckpointedEventPosition() == text(all[len(all)-1]) {
			break // the last position that was acknowledged, written down
		}
	}
}
