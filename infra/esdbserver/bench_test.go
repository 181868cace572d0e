package esdbserver_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/cockroachdb/pebble/v2"
	"google.golang.org/grpc"

	"orderflow/infra/pebblelog"
)

// What the budget of appends over the wire is measured with.
const (
	benchWriters = 64
	benchTurn    = time.Second
	benchBytes   = 1_000
)

// bare is the least that a node could do: it takes an append of the same
// service and puts the same bytes into Pebble, synced.
type bare struct {
	streams.UnimplementedStreamsServer
	db   *pebble.DB
	next atomic.Uint64
}

// Append implements the service.
func (b *bare) Append(stream streams.Streams_AppendServer) error {
	var value []byte
	for {
		request, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if m := request.GetProposedMessage(); m != nil {
			value = append(append(value, m.GetCustomMetadata()...), m.GetData()...)
		}
	}
	at := b.next.Add(1)
	if err := b.db.Set(binary.BigEndian.AppendUint64(nil, at), value, pebble.Sync); err != nil {
		return err
	}
	return stream.SendAndClose(&streams.AppendResp{Result: &streams.AppendResp_Success_{Success: &streams.AppendResp_Success{
		CurrentRevisionOption: &streams.AppendResp_Success_CurrentRevision{},
		PositionOption:        &streams.AppendResp_Success_Position{Position: &streams.AppendResp_Position{CommitPosition: at, PreparePosition: at}},
	}}})
}

// serveBare starts it; stop ends it.
func serveBare(b *testing.B, dir string) (address string, stop func()) {
	b.Helper()
	db, err := pebble.Open(dir, &pebble.Options{FormatMajorVersion: pebble.FormatNewest, MemTableSize: 32 << 20, MemTableStopWritesThreshold: 4})
	if err != nil {
		b.Fatal(err)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := grpc.NewServer()
	streams.RegisterStreamsServer(server, &bare{db: db})
	var wg sync.WaitGroup
	wg.Go(func() { _ = server.Serve(l) })
	return l.Addr().String(), func() {
		server.Stop()
		wg.Wait()
		if err := db.Close(); err != nil {
			b.Error(err)
		}
	}
}

// appendFor lets the writers append for a turn, each event to a stream of its
// own or all to a hot one, and returns how many a second.
func appendFor(b *testing.B, address string, expected esdb.ExpectedRevision, hot bool) float64 {
	b.Helper()
	configuration, err := esdb.ParseConnectionString("esdb://" + address + "?tls=false")
	if err != nil {
		b.Fatal(err)
	}
	configuration.Logger = esdb.NoopLogging()
	c, err := esdb.NewClient(configuration)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	data := []byte(`{"lines":"` + strings.Repeat("x", benchBytes) + `"}`)
	var n atomic.Int64
	var wg sync.WaitGroup
	start := time.Now()
	for w := range benchWriters {
		wg.Go(func() {
			for i := 0; time.Since(start) < benchTurn; i++ {
				e := event("order.placed.v1")
				e.Data = data
				stream := fmt.Sprintf("order-%d-%d-%d", start.UnixNano(), w, i)
				if hot {
					stream = "hot"
				}
				_, err := c.AppendToStream(b.Context(), stream, esdb.AppendToStreamOptions{ExpectedRevision: expected}, e)
				if err != nil {
					b.Error(err)
					return
				}
				n.Add(1)
			}
		})
	}
	wg.Wait()
	return float64(n.Load()) / time.Since(start).Seconds()
}

// BenchmarkAppend measures synced appends over the wire by 64 writers, against
// the least that a node could do, in turns, and reports the median ratio.
func BenchmarkAppend(b *testing.B) {
	for _, c := range []struct {
		name     string
		expected esdb.ExpectedRevision
		hot      bool
	}{{"NoStream", esdb.NoStream{}, false}, {"Any", esdb.Any{}, false}, {"Hot", esdb.Any{}, true}} {
		b.Run(c.name, func(b *testing.B) {
			var ours, theirs, ratios []float64
			for b.Loop() {
				dir := b.TempDir()
				address, stop := serveBare(b, filepath.Join(dir, "bare"))
				theirs = append(theirs, appendFor(b, address, c.expected, c.hot))
				stop()
				log, err := pebblelog.Open(filepath.Join(dir, "log"), pebblelog.Options{IndexIDs: true, LongNames: true})
				if err != nil {
					b.Fatal(err)
				}
				n, stop := start(b, log)
				ours = append(ours, appendFor(b, n.address, c.expected, c.hot))
				stop()
				if err := log.Close(); err != nil {
					b.Fatal(err)
				}
				ratios = append(ratios, ours[len(ours)-1]/theirs[len(theirs)-1])
			}
			b.ReportMetric(median(ours), "appends/s")
			b.ReportMetric(median(theirs), "bare/s")
			b.ReportMetric(median(ratios), "ratio")
		})
	}
}

func median(of []float64) float64 {
	slices.Sort(of)
	return of[len(of)/2]
}
