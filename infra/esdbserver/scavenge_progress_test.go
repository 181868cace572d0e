package esdbserver_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"google.golang.org/grpc/metadata"

	"orderflow/infra/esdbserver"
	"orderflow/infra/memory"
)

// scavengeSizes are what an event of a scavenge says of its work.
type scavengeSizes struct {
	Result        string
	SpaceSaved    int64
	BytesBefore   int64
	BytesAfter    int64
	EventsRemoved int64
}

// consistent demands that the space given back is the difference of the sizes.
func (s scavengeSizes) consistent(t *testing.T) {
	t.Helper()
	if s.BytesBefore == 0 || s.BytesAfter == 0 || s.SpaceSaved != max(s.BytesBefore-s.BytesAfter, 0) {
		t.Errorf("%+v: the sizes do not agree", s)
	}
}

// awaitSizes reads a stream of a scavenge until an event says what is wanted.
func awaitSizes(t *testing.T, c *esdb.Client, stream string, wanted func(kind string, s scavengeSizes) bool) scavengeSizes {
	t.Helper()
	s, err := c.SubscribeToStream(ctx(t), stream, esdb.SubscribeToStreamOptions{From: esdb.Start{}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for {
		e := s.Recv()
		if e.SubscriptionDropped != nil {
			t.Fatal(e.SubscriptionDropped.Error)
		}
		if e.EventAppeared == nil {
			continue
		}
		var said scavengeSizes
		if err := json.Unmarshal(e.EventAppeared.Event.Data, &said); err != nil {
			t.Fatal(err)
		}
		if wanted(e.EventAppeared.Event.EventType, said) {
			return said
		}
	}
}

// large appends events of 100 kB to a stream of which all but the last are hidden.
func large(t *testing.T, c *esdb.Client, stream string) {
	t.Helper()
	for range 4 {
		e := event("large")
		e.Data = []byte(`"` + strings.Repeat("x", 100_000) + `"`)
		mustAppend(t, c, stream, e)
	}
	var m esdb.StreamMetadata
	m.SetMaxCount(1)
	if _, err := c.SetStreamMetadata(ctx(t), stream, esdb.AppendToStreamOptions{}, m); err != nil {
		t.Fatal(err)
	}
}

// TestProgressOfAScavenge reads how far a scavenge is while it is under way, and
// what it gave back when it was stopped.
func TestProgressOfAScavenge(t *testing.T) {
	log := newHeldLog()
	n := serve(t, log, func(o *esdbserver.Options) { o.ScavengeProgress = 20 * time.Millisecond })
	c, s := connect(t, "esdb://"+n.address+"?tls=false"), n.scavenges(t)
	large(t, c, "s")
	begun, err := s.start(1, 0)
	if err != nil {
		t.Fatal(err)
	}
	stream := "$scavenges-" + begun.GetScavengeId()
	first := awaitSizes(t, c, stream, func(kind string, _ scavengeSizes) bool { return kind == "$scavengeStarted" })
	if first.BytesBefore < 400_000 {
		t.Errorf("it begins with %+v", first)
	}
	<-log.entered // all is removed, and its space not yet given back
	progress := awaitSizes(t, c, stream, func(kind string, s scavengeSizes) bool { return kind == "$scavengeProgress" && s.EventsRemoved == 3 })
	progress.consistent(t)
	if progress.BytesBefore != first.BytesBefore || progress.SpaceSaved < 200_000 {
		t.Errorf("under way: %+v", progress)
	}
	if _, err := s.stop(begun.GetScavengeId(), &metadata.MD{}); err != nil {
		t.Fatal(err)
	}
	end := awaitSizes(t, c, stream, func(kind string, _ scavengeSizes) bool { return kind == "$scavengeCompleted" })
	end.consistent(t)
	if end.Result != "Stopped" || end.EventsRemoved != 3 || end.SpaceSaved < 200_000 || end.BytesBefore != first.BytesBefore {
		t.Errorf("stopped: %+v", end)
	}
	is(t, "all", told(t, c, "$scavenges"), "$scavengeStarted", "$scavengeCompleted Stopped")
}

// TestSizesOfAnInterruptedScavenge starts a node on the log of one that was
// killed: what was given back until then is told from what it had noted.
func TestSizesOfAnInterruptedScavenge(t *testing.T) {
	log := memory.NewDense()
	n, stop := start(t, log)
	c := connect(t, "esdb://"+n.address+"?tls=false")
	for _, e := range []struct{ kind, data string }{
		{"$scavengeStarted", `{"scavengeId":"x","nodeEndpoint":"a:1","bytesBefore":900000}`},
		{"$scavengeProgress", `{"scavengeId":"x","nodeEndpoint":"a:1","bytesBefore":900000,"bytesAfter":800000,"spaceSaved":100000,"eventsRemoved":7}`},
	} {
		noted := event(e.kind)
		noted.Data = []byte(e.data)
		mustAppend(t, c, "$scavenges-x", noted)
	}
	link := event("$>")
	link.Data, link.ContentType = []byte("0@$scavenges-x"), esdb.ContentTypeBinary
	mustAppend(t, c, "$scavenges", link)
	stop()
	next := serve(t, log)
	c = connect(t, "esdb://"+next.address+"?tls=false")
	end := awaitSizes(t, c, "$scavenges-x", func(kind string, _ scavengeSizes) bool { return kind == "$scavengeCompleted" })
	end.consistent(t)
	if end.Result != "Interrupted" || end.BytesBefore != 900_000 || end.EventsRemoved != 7 || end.SpaceSaved == 0 {
		t.Errorf("%+v", end)
	}
	is(t, "all", told(t, c, "$scavenges"), "$scavengeStarted", "$scavengeCompleted Interrupted")
}
