package main_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"

	"orderflow/domain/eventlog"
	"orderflow/infra/pebblelog"
)

const (
	// killedEvents are stored unless ORDERFLOW_SCAVENGE_EVENTS says another
	// number; the long form is 1,000,000.
	killedEvents      = 20_000
	killedEventsShort = 10_000
	killedBatch       = 500
	killedData        = 400 // bytes of an event, that do not compress to nothing
	scavengeKills     = 10
	// lateKills bounds the kills that come when the scavenge has ended: a busy machine
	// hands the node's log to the test late. They do not count.
	lateKills = 5
	// streamsOfAKill are truncated before each kill, so that there is always
	// something to remove; the last kill but one and the last find what is left.
	streamsOfAKill = 2
	killedStreams  = (scavengeKills + lateKills) * streamsOfAKill
)

func killedSize(t *testing.T) int {
	if n, err := strconv.Atoi(os.Getenv("ORDERFLOW_SCAVENGE_EVENTS")); err == nil {
		return max(n, killedStreams*100)
	}
	return inShort(t, killedEvents, killedEventsShort)
}

// TestScavengeIsKilled kills, SIGKILL, a node in the middle of ten scavenges: at
// different shares of what there is to remove, and while it gives space back.
// Each time the log is sound, the node starts and tells that the scavenge was
// interrupted, and appends that were acknowledged are there. A last scavenge
// does the rest: all that is hidden is gone, all else is as it was.
func TestScavengeIsKilled(t *testing.T) {
	n := killedSize(t)
	binary, err := exec.LookPath("orderflow") // this test, as testscript has it
	if err != nil {
		t.Fatal(err)
	}
	k := &killing{store: &store{binary: binary, data: t.TempDir(), address: "127.0.0.1:0"}, each: n / killedStreams}
	k.env = []string{"ORDERFLOW_LOG_LEVEL=debug", "ORDERFLOW_LOG_FORMAT=json"}
	k.fill(t)
	k.stderr = &k.log
	k.start(t)
	t.Cleanup(k.kill)
	k.connect(t)
	k.furnish(t)
	k.before = k.shown(t)
	round := 0
	for interrupted := 0; interrupted < scavengeKills; round++ {
		if late := round - interrupted; late > lateKills {
			t.Fatalf("%d of %d kills came when the scavenge had ended", late, round)
		}
		k.truncate(t, round)
		k.killAt(t, round)
		k.verify(t)
		k.start(t)
		k.connect(t)
		want := k.endedAs(t, round)
		if want == "Interrupted" {
			interrupted++
		}
		if state := k.state(t); state.Result != want || state.Before == 0 || state.After == 0 || state.Saved != max(state.Before-state.After, 0) {
			t.Errorf("after kill %d its state is %+v", round+1, state)
		} else {
			t.Logf("kill %d: %s, %d bytes before, %d at the next start, %d given back", round+1, want, state.Before, state.After, state.Saved)
		}
	}
	for ; round < scavengeKills+lateKills; round++ {
		k.truncate(t, round)
	}
	k.log.expect(func(int64, bool) bool { return false }, func() {})
	id := k.scavenge(t)
	if result := k.ended(t, id); result != "Success" {
		t.Fatalf("the last scavenge ended with %s", result)
	}
	t.Logf("%d events, killed %d times; the last scavenge: %s", n, scavengeKills, k.log.last("a scavenge is complete"))
	if state := k.state(t); state.Result != "Success" || state.Before == 0 || state.After == 0 || state.Saved != max(state.Before-state.After, 0) {
		t.Errorf("its state is %+v", state)
	}
	k.asBefore(t)
	k.kill()
	k.verify(t)
	k.removedAll(t)
}

// killing is a node that is killed while it scavenges.
type killing struct {
	*store
	log    nodeLog
	client *esdb.Client
	each   int // events of a stream
	before map[string][][32]byte
	acked  atomic.Int64 // appends to beside that were acknowledged; the number of the next
}

func (k *killing) stream(s int) string { return fmt.Sprint("large-", s) }

// truncated is the number of the first event of a stream that is shown.
func (k *killing) truncated() int { return k.each * 9 / 10 }

// fill stores events without a node, side by side.
func (k *killing) fill(t *testing.T) {
	t.Helper()
	log, err := pebblelog.Open(filepath.Join(k.data, "log"), pebblelog.Options{IndexIDs: true, LongNames: true})
	if err != nil {
		t.Fatal(err)
	}
	for from := 0; from < k.each; from += killedBatch {
		for s := range killedStreams {
			list := make([]eventlog.Pending, 0, killedBatch)
			for i := from; i < min(from+killedBatch, k.each); i++ {
				var text []byte
				for part := 0; len(text) < killedData; part++ {
					text = fmt.Appendf(text, "%x", sha256.Sum256(fmt.Appendf(nil, "%d %d %d", s, i, part)))
				}
				id := eventlog.NewEventID("killed", eventlog.Stream(k.stream(s)), i)
				list = append(list, eventlog.Pending{ID: id, Type: "tested.v1", Data: fmt.Appendf(nil, `{"of":"%s"}`, text)})
			}
			if _, err := log.Append(t.Context(), eventlog.Stream(k.stream(s)), eventlog.Version(from), list...); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
}

func (k *killing) connect(t *testing.T) {
	t.Helper()
	configuration, err := esdb.ParseConnectionString(k.connection)
	if err != nil {
		t.Fatal(err)
	}
	configuration.Logger = esdb.NoopLogging()
	if k.client, err = esdb.NewClient(configuration); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func(c *esdb.Client) func() { return func() { _ = c.Close() } }(k.client))
}

func tested() esdb.EventData {
	return esdb.EventData{EventID: uuid.New(), EventType: "tested.v1", ContentType: esdb.ContentTypeJson, Data: []byte(`{}`)}
}

// furnish adds streams that end in other ways, and one that stays whole.
func (k *killing) furnish(t *testing.T) {
	t.Helper()
	for _, stream := range []string{"whole", "counted", "deleted", "ended"} {
		for range 20 {
			if _, err := k.client.AppendToStream(t.Context(), stream, esdb.AppendToStreamOptions{}, tested(), tested()); err != nil {
				t.Fatal(err)
			}
		}
	}
	var m esdb.StreamMetadata
	m.SetMaxCount(3)
	_, counted := k.client.SetStreamMetadata(t.Context(), "counted", esdb.AppendToStreamOptions{}, m)
	_, deleted := k.client.DeleteStream(t.Context(), "deleted", esdb.DeleteStreamOptions{})
	_, ended := k.client.TombstoneStream(t.Context(), "ended", esdb.TombstoneStreamOptions{})
	if err := errors.Join(counted, deleted, ended); err != nil {
		t.Fatal(err)
	}
}

// truncate hides nine tenths of the streams of a round.
func (k *killing) truncate(t *testing.T, round int) {
	t.Helper()
	for s := round * streamsOfAKill; s < (round+1)*streamsOfAKill; s++ {
		var m esdb.StreamMetadata
		m.SetTruncateBefore(uint64(k.truncated())) //nolint:gosec // it is small
		if _, err := k.client.SetStreamMetadata(t.Context(), k.stream(s), esdb.AppendToStreamOptions{}, m); err != nil {
			t.Fatal(err)
		}
	}
}

// killAt starts a scavenge, appends beside it, and kills the node: after a share
// of what the round has to remove, or, every third time, while it gives space
// back; at the latest then.
func (k *killing) killAt(t *testing.T, round int) {
	t.Helper()
	share := int64(k.truncated()*streamsOfAKill) * int64(1+round%4) / 5
	var at int64
	k.log.expect(func(removed int64, givesBack bool) bool {
		at = removed
		return givesBack || round%3 != 2 && removed >= share
	}, func() { _ = k.running.Process.Kill() })
	var beside sync.WaitGroup
	beside.Go(func() {
		for {
			next := k.acked.Load()
			expected := esdb.ExpectedRevision(esdb.Any{})
			if _, err := k.client.AppendToStream(t.Context(), "beside", esdb.AppendToStreamOptions{ExpectedRevision: expected}, tested()); err != nil {
				return // it was killed
			}
			k.acked.Store(next + 1)
		}
	})
	k.scavenge(t)
	_ = k.running.Wait() // until it is killed
	beside.Wait()
	t.Logf("kill %d: after %d events of this scavenge were removed", round+1, at)
}

// scavenge starts one as an operator does, and returns its id, "" if the node
// was killed before it could tell.
func (k *killing) scavenge(t *testing.T) string {
	t.Helper()
	out, _ := exec.CommandContext(t.Context(), k.binary, "eventstore", "scavenge", "--connection", k.connection, "--json").Output()
	var said struct{ ID, Result string }
	if json.Unmarshal(out, &said) == nil && said.Result != "started" {
		t.Fatalf("the scavenge was answered with %s", out)
	}
	return said.ID
}

// scavengeState is what an operator is told of the newest scavenge.
type scavengeState struct {
	Result string
	Saved  int64 `json:"saved_bytes"`
	Before int64 `json:"bytes_before"`
	After  int64 `json:"bytes_after"`
}

// state asks as an operator does.
func (k *killing) state(t *testing.T) (s scavengeState) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), k.binary, "eventstore", "scavenge", "--connection", k.connection, "--state", "--json").Output()
	if err != nil || json.Unmarshal(out, &s) != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return s
}

// verify demands that the log of the node, which does not run, is sound.
func (k *killing) verify(t *testing.T) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), k.binary, "log", "verify", "--data", k.data, "--json").CombinedOutput(); err != nil {
		t.Fatalf("the log is not sound: %v\n%s", err, out)
	}
}

// endedAs demands that clients are told how each scavenge ended, and of no acknowledged
// append too few. It returns the end of the last one: Interrupted, or Success if the kill
// came after its end.
func (k *killing) endedAs(t *testing.T, round int) string {
	t.Helper()
	list := k.read(t, "$scavenges", esdb.ReadStreamOptions{ResolveLinkTos: true})
	var results []string
	for _, e := range list {
		var said struct {
			Result                              string
			SpaceSaved, BytesBefore, BytesAfter int64
		}
		if err := json.Unmarshal(e.Event.Data, &said); err != nil {
			t.Fatal(err)
		}
		if said.Result == "" {
			continue
		}
		results = append(results, said.Result)
		if said.BytesBefore == 0 || said.BytesAfter == 0 || said.SpaceSaved != max(said.BytesBefore-said.BytesAfter, 0) {
			t.Errorf("after kill %d it is told: %+v", round+1, said)
		}
	}
	other := func(r string) bool { return r != "Interrupted" && r != "Success" }
	if len(results) != round+1 || slices.ContainsFunc(results, other) {
		t.Fatalf("after kill %d the scavenges ended with %q; want an end of each", round+1, results)
	}
	stored := int64(len(k.read(t, "beside", esdb.ReadStreamOptions{})))
	if acked := k.acked.Load(); stored < acked {
		t.Errorf("after kill %d %d appends are stored, and %d were acknowledged", round+1, stored, acked)
	}
	k.acked.Store(stored)
	return results[len(results)-1]
}

// ended waits for the end of a scavenge.
func (k *killing) ended(t *testing.T, id string) string {
	t.Helper()
	s, err := k.client.SubscribeToStream(t.Context(), "$scavenges-"+id, esdb.SubscribeToStreamOptions{From: esdb.Start{}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for {
		e := s.Recv()
		if e.SubscriptionDropped != nil {
			t.Fatal(e.SubscriptionDropped.Error)
		}
		var said struct{ Result string }
		if e.EventAppeared != nil && json.Unmarshal(e.EventAppeared.Event.Data, &said) == nil && said.Result != "" {
			return said.Result
		}
	}
}

// read returns what a client is shown of a stream; one that is not there shows nothing.
func (k *killing) read(t *testing.T, stream string, o esdb.ReadStreamOptions) (list []*esdb.ResolvedEvent) {
	t.Helper()
	s, err := k.client.ReadStream(t.Context(), stream, o, math.MaxInt32)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for {
		e, err := s.Recv()
		if failure, ok := esdb.FromError(err); errors.Is(err, io.EOF) || !ok && failure.Code() == esdb.ErrorCodeResourceNotFound {
			return list
		}
		if err != nil {
			t.Fatalf("%s: %v", stream, err)
		}
		if e.Event == nil {
			t.Fatalf("%s: number %d leads to an event that is gone", stream, e.OriginalEvent().EventNumber)
		}
		list = append(list, e)
	}
}

// shown is what all streams show: of each event a sum of its number, position,
// id, type, time, metadata and data.
func (k *killing) shown(t *testing.T) map[string][][32]byte {
	t.Helper()
	all := map[string][][32]byte{}
	streams := []string{"whole", "counted", "deleted"}
	for s := range killedStreams {
		streams = append(streams, k.stream(s))
	}
	for _, stream := range streams {
		for _, e := range k.read(t, stream, esdb.ReadStreamOptions{}) {
			r := e.Event
			all[stream] = append(all[stream], sha256.Sum256(fmt.Appendf(nil, "%d %d %s %s %v %q %q",
				r.EventNumber, r.Position.Commit, r.EventID, r.EventType, r.CreatedDate, r.UserMetadata, r.Data)))
		}
	}
	return all
}

// asBefore compares what is shown with what was: of the truncated streams their
// end, and all others whole; and streams go on with their numbers.
func (k *killing) asBefore(t *testing.T) {
	t.Helper()
	after := k.shown(t)
	for stream, was := range k.before {
		if strings.HasPrefix(stream, "large-") {
			was = was[k.truncated():]
		}
		if !slices.Equal(after[stream], was) {
			t.Errorf("%s shows %d events, or others; want the %d of before", stream, len(after[stream]), len(was))
		}
	}
	if len(k.before) != killedStreams+2 || len(after) != len(k.before) {
		t.Errorf("%d streams showed something before, and %d do now; want %d", len(k.before), len(after), killedStreams+2)
	}
	for s := range killedStreams {
		w, err := k.client.AppendToStream(t.Context(), k.stream(s), esdb.AppendToStreamOptions{}, tested())
		if err != nil || w.NextExpectedVersion != uint64(k.each) { //nolint:gosec // it is small
			t.Errorf("%s goes on with %+v, %v; want number %d", k.stream(s), w, err, k.each)
		}
	}
	_, err := k.client.AppendToStream(t.Context(), "ended", esdb.AppendToStreamOptions{}, tested())
	if failure, ok := esdb.FromError(err); ok || failure.Code() != esdb.ErrorCodeStreamDeleted {
		t.Errorf("an append to the stream that was ended: %v", err)
	}
}

// removedAll demands that nothing is left of what is hidden, and that no space
// is owed.
func (k *killing) removedAll(t *testing.T) {
	t.Helper()
	log, err := pebblelog.Open(filepath.Join(k.data, "log"), pebblelog.Options{IndexIDs: true, LongNames: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	}()
	first := map[string]int{"whole": 0, "counted": 37, "deleted": 39, "ended": 40}
	for s := range killedStreams {
		first[k.stream(s)] = k.truncated()
	}
	for stream, number := range first {
		if v, err := log.FirstVersion(t.Context(), eventlog.Stream(stream)); err != nil || v != eventlog.Version(number+1) {
			t.Errorf("%s begins with number %d, want %d: %v", stream, v-1, number, err)
		}
	}
	if owed, err := log.Owes(context.WithoutCancel(t.Context())); err != nil || owed {
		t.Errorf("space is owed: %v, %v", owed, err)
	}
}

// nodeLog takes the log of a node, and acts on how far its scavenge is, before
// the node can go on.
type nodeLog struct {
	mu      sync.Mutex
	rest    []byte
	lines   [][]byte // those without a part in the scavenge are dropped
	removed int64
	moment  func(removed int64, givesBack bool) bool
	act     func()
}

// expect calls act once when moment says so.
func (l *nodeLog) expect(moment func(removed int64, givesBack bool) bool, act func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest, l.removed, l.moment, l.act = nil, 0, moment, act
}

// Write implements io.Writer.
func (l *nodeLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, p...)
	for {
		line, rest, whole := bytes.Cut(l.rest, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		l.line(line)
		l.rest = rest
	}
}

func (l *nodeLog) line(line []byte) {
	var said struct {
		Msg    string
		Events int64
	}
	if !bytes.Contains(line, []byte("scavenge")) || json.Unmarshal(line, &said) != nil {
		return
	}
	switch said.Msg {
	case "a scavenge removed events":
		l.removed += said.Events
	case "a scavenge gives space back":
	default:
		l.lines = append(l.lines, bytes.Clone(line))
		return
	}
	if l.moment != nil && l.moment(l.removed, said.Msg == "a scavenge gives space back") {
		l.moment = nil
		l.act()
	}
}

// last returns the last line with a message.
func (l *nodeLog) last(message string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range slices.Backward(l.lines) {
		if bytes.Contains(line, []byte(message)) {
			return string(line)
		}
	}
	return ""
}
