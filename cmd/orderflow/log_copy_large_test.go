package main_test

import (
	"crypto/sha256"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"orderflow/domain/eventlog"
	"orderflow/infra/eventstoredb"
	"orderflow/infra/pebblelog"
)

const (
	// largeCopyEvents are copied in each direction unless ORDERFLOW_COPY_EVENTS
	// says another number; the long form is 100,000, which takes some minutes.
	largeCopyEvents      = 6_000
	largeCopyEventsShort = 3_000
	largeCopyData        = 300 // bytes of an event, about those of an order's
	// largeCopyTries bounds the tries to hit a copy in its middle.
	largeCopyTries = 10
	// largeCopyStage is the share of a copied log that is written before the next
	// process is killed, of which there are up to three.
	largeCopyStage = 5
	// appendWriters and appendFor are what a copy is held against.
	appendWriters = 64
	appendFor     = 2 * time.Second
)

// largeCopyRuns are how many events of a stream follow one another, as in a log
// of orders: all streams are one after the other at the first, and so on.
var largeCopyRuns = []int{1, 2, 1, 1}

// TestLargeCopy copies a long log in each direction, undisturbed for its speed,
// and once more with kill -9 in the middle: of the node that is the source, of the
// one that is the target, and of the copy itself, which is run again. All are
// equal. The speed is told as a ratio to appends of one event by 64 writers to the
// same kind of target in the same run.
func TestLargeCopy(t *testing.T) {
	path, err := exec.LookPath("orderflow") // this test, as testscript has it
	if err != nil {
		t.Fatal(err)
	}
	n := largeCopyEvents
	if testing.Short() {
		n = largeCopyEventsShort
	}
	if given, err := strconv.Atoi(os.Getenv("ORDERFLOW_COPY_EVENTS")); err == nil {
		n = given
	}
	c := &largeCopy{t: t, binary: program{path: path}, dir: t.TempDir()}
	c.fill(t, n)
	c.node = startStore(t, c.binary) // the first direction fills it
	c.appends = map[bool]float64{false: appendsToADirectory(t), true: appendsToANode(t, c.binary)}
	t.Logf("%d events; appends by %d writers: %.0f/s to a directory, %.0f/s to a node", c.events, appendWriters, c.appends[false], c.appends[true])
	for _, d := range []direction{{false, true}, {true, true}, {true, false}, {false, false}} {
		t.Run(d.String(), func(t *testing.T) { c.both(t, d) })
	}
}

// direction says which ends are nodes; the others are data directories.
type direction struct{ fromNode, toNode bool }

func (d direction) String() string {
	kind := map[bool]string{false: "directory", true: "node"}
	return kind[d.fromNode] + " to " + kind[d.toNode]
}

// largeCopy is a log that is copied: in a directory, and then in a node too.
type largeCopy struct {
	t       *testing.T // of all directions
	binary  program
	dir     string
	node    *store
	events  int64
	sum     string // of all, from the first copy on
	appends map[bool]float64
}

// fill stores n events, and some more to whole streams.
func (c *largeCopy) fill(t *testing.T, n int) {
	t.Helper()
	log := openDirectory(t, c.dir)
	each := 0
	for _, run := range largeCopyRuns {
		each += run
	}
	for block := 0; c.events < int64(n); block++ {
		at := 0
		for _, run := range largeCopyRuns {
			writes := make([]eventlog.Write, eventlog.MaxWrites)
			for i := range writes {
				s := eventlog.Stream(fmt.Sprintf("order-%d-%d", block, i))
				writes[i] = eventlog.Write{Stream: s, Version: eventlog.Version(at)}
				for e := range run {
					writes[i].Events = append(writes[i].Events, largeCopyEvent(s, at+e))
				}
			}
			if _, err := log.AppendTogether(t.Context(), writes...); err != nil {
				t.Fatal(err)
			}
			at += run
		}
		c.events += int64(each * eventlog.MaxWrites)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
}

func largeCopyEvent(s eventlog.Stream, i int) eventlog.Pending {
	var text []byte // that does not compress to nothing
	for part := 0; len(text) < largeCopyData; part++ {
		text = fmt.Appendf(text, "%x", sha256.Sum256(fmt.Appendf(nil, "%s %d %d", s, i, part)))
	}
	return eventlog.Pending{
		ID: eventlog.NewEventID("large", s, i), Type: "tested.v1",
		Data: fmt.Appendf(nil, `{"of":"%s"}`, text), Meta: eventlog.Meta{Correlation: string(s)},
	}
}

func openDirectory(t *testing.T, dir string) *pebblelog.Log {
	t.Helper()
	log, err := pebblelog.Open(filepath.Join(dir, "log"), pebblelog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// ends returns the names of both ends, of which the target is new, and the stores
// behind them; nil is none.
func (c *largeCopy) ends(t *testing.T, d direction) (from, to string, source, target *store) {
	from, to = c.dir, t.TempDir()
	if d.fromNode {
		source, from = c.node, c.node.connection
	}
	if d.toNode {
		target = startStore(t, c.binary)
		to = target.connection
	}
	return from, to, source, target
}

// both copies undisturbed and killed.
func (c *largeCopy) both(t *testing.T, d direction) {
	from, to, _, target := c.ends(t, d)
	if d == (direction{toNode: true}) {
		to, target = c.node.connection, c.node
	}
	whole := copyLog(t, c.binary, from, to)
	c.sum = whole.Source.SHA256
	c.equal(t, "undisturbed", whole)
	speed := float64(whole.Copied) / whole.Seconds
	t.Logf("undisturbed: %.0f events/s in %.2f s, %.2f of appends by %d writers", speed, whole.Seconds, speed/c.appends[d.toNode], appendWriters)
	size := bytesOf(to)
	if d.toNode {
		size = bytesOf(target.data)
	}
	for try := range largeCopyTries {
		from, to, source, target := c.ends(t, d)
		c.kill(t, from, to, source, target, size/largeCopyStage)
		rest := copyLog(t, c.binary, from, to)
		c.equal(t, "killed", rest)
		if rest.PassedOver > 0 && rest.Copied > 0 {
			t.Logf("killed: %d events were there, %d were copied by the next run; try %d", rest.PassedOver, rest.Copied, try+1)
			return
		}
	}
	t.Errorf("in %d tries no copy was killed in its middle", largeCopyTries)
}

// kill runs a copy. Whenever the target has grown by a stage, a process is killed:
// the nodes, the source first, which start again at once, and then the copy.
func (c *largeCopy) kill(t *testing.T, from, to string, source, target *store, stage int64) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), c.binary.path, "log", "copy", "--from", from, "--to", to)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	dir := to
	if target != nil {
		dir = target.data
	}
	if source != nil && grows(ended, dir, stage) {
		source.kill()
		source.start(c.t) // it outlives this direction
	}
	if target != nil && grows(ended, dir, stage) {
		target.kill()
		target.start(t)
	}
	grows(ended, dir, stage)
	_ = cmd.Process.Kill()
	<-ended
}

// grows waits until a directory has grown by some bytes, and returns false if a
// copy ended before that. Nothing tells of files that grow.
func grows(ended <-chan struct{}, dir string, by int64) bool {
	look := time.NewTicker(progressLook)
	defer look.Stop()
	for begun := bytesOf(dir); bytesOf(dir) < begun+by; {
		select {
		case <-ended:
			return false
		case <-look.C:
		}
	}
	return true
}

// bytesOf is the size of the log in a data directory; files come and go meanwhile.
func bytesOf(data string) (n int64) {
	files, err := os.ReadDir(filepath.Join(data, "log", "db"))
	if err != nil {
		return 0
	}
	for _, f := range files {
		if info, err := f.Info(); err == nil {
			n += info.Size()
		}
	}
	return n
}

// equal demands that a copy ended with the whole log.
func (c *largeCopy) equal(t *testing.T, what string, r copyReported) {
	t.Helper()
	if !r.Equal || r.Source.Events != c.events || r.Source.SHA256 != c.sum || r.Copied+r.PassedOver != c.events {
		t.Errorf("%s: %+v; want %d events with the sum %s", what, r, c.events, c.sum)
	}
}

func appendsToADirectory(t *testing.T) float64 {
	t.Helper()
	log := openDirectory(t, t.TempDir())
	defer func() { _ = log.Close() }()
	return appendsPerSecond(t, log)
}

func appendsToANode(t *testing.T, binary program) float64 {
	t.Helper()
	log, err := eventstoredb.Open(startStore(t, binary).connection, eventstoredb.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	return appendsPerSecond(t, log)
}

// appendsPerSecond is how many events 64 writers append, one at a time each.
func appendsPerSecond(t *testing.T, log eventlog.Store) float64 {
	t.Helper()
	var appended atomic.Int64
	var writers sync.WaitGroup
	begun := time.Now()
	for w := range appendWriters {
		writers.Go(func() {
			s := eventlog.Stream(fmt.Sprint("order-w", w))
			for v := 0; time.Since(begun) < appendFor; v++ {
				if _, err := log.Append(t.Context(), s, eventlog.Version(v), largeCopyEvent(s, v)); err != nil {
					t.Error(err)
					return
				}
				appended.Add(1)
			}
		})
	}
	writers.Wait()
	return float64(appended.Load()) / time.Since(begun).Seconds()
}
