package httpapi_test

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"orderflow/commands"
	"orderflow/infra/httpapi"
)

// stream is one watcher's connection.
type stream struct {
	t     *testing.T
	lines *bufio.Scanner
	close func()
	head  http.Header
}

func (s *system) watch(path, lastEventID string) *stream {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second) // a stream that says nothing fails the test
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	if lastEventID != "" {
		r.Header.Set("Last-Event-ID", lastEventID)
	}
	res, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK {
		s.t.Fatalf("watch: status %d", res.StatusCode)
	}
	w := &stream{t: s.t.(*testing.T), lines: bufio.NewScanner(res.Body), head: res.Header, close: func() { cancel(); _ = res.Body.Close() }}
	s.t.Cleanup(w.close)
	return w
}

// next returns the id and type of the next event; ok is false at the end.
func (w *stream) next() (id, kind string, ok bool) {
	w.t.Helper()
	for w.lines.Scan() {
		line := w.lines.Text()
		switch {
		case strings.HasPrefix(line, "id: "):
			id = line[4:]
		case strings.HasPrefix(line, "event: "):
			kind = line[7:]
		case line == "" && id != "":
			return id, kind, true
		}
	}
	return "", "", false
}

func (w *stream) want(kind string) (id string) {
	w.t.Helper()
	id, got, ok := w.next()
	if !ok || got != kind {
		w.t.Fatalf("the stream says %q (ended: %v), not %q", got, !ok, kind)
	}
	return id
}

func TestWatchAndResume(t *testing.T) {
	s := begin(t)
	s.sell("TEAPOT")
	p := s.place("k")
	w := s.watch(p.TrackingURL+"/watch", "")
	if w.head.Get("Content-Type") != "text/event-stream" || w.head.Get("X-Accel-Buffering") != "no" {
		t.Errorf("headers %v", w.head)
	}
	placedAt := w.want("order.placed.v1")
	if placedAt != at(p.Position) {
		t.Errorf("id %s, not %d", placedAt, p.Position)
	}
	s.confirm(p.OrderID)
	w.want("order.confirmed.v1")
	w.close()
	again := s.watch(p.TrackingURL+"/watch", placedAt)
	again.want("order.confirmed.v1")
	s.book(p.OrderID)
	again.want("shipment.booked.v1")
	s.send(commands.CancelOrder{Order: p.OrderID})
	again.want("order.cancel_requested.v1")
	s.api.Drain()
	if _, kind, ok := again.next(); ok {
		t.Errorf("%s after the server drained", kind)
	}
}

func TestHeartbeat(t *testing.T) {
	s := begin(t, func(c *httpapi.Config) { c.Heartbeat = time.Millisecond; c.Changes = nil })
	s.sell("TEAPOT")
	p := s.place("k")
	w := s.watch(p.TrackingURL+"/watch", "")
	w.want("order.placed.v1")
	for beats := 0; beats < 2; {
		if !w.lines.Scan() {
			t.Fatal("the stream ended")
		}
		if w.lines.Text() == ": still here" {
			beats++
		}
	}
	s.confirm(p.OrderID)
	w.want("order.confirmed.v1") // without a wake-up, at the next heartbeat
}

func TestTooManyWatchers(t *testing.T) {
	s := begin(t, func(c *httpapi.Config) { c.Streams = 1; c.Requests = 1 })
	s.sell("TEAPOT")
	p := s.place("k")
	w := s.watch(p.TrackingURL+"/watch", "")
	w.want("order.placed.v1")
	checkProblem(t, s, s.call("GET", p.TrackingURL+"/watch", ""), http.StatusTooManyRequests, "too-many-streams")
	if r := s.call("GET", p.TrackingURL+"?position="+at(p.Position), ""); r.status != http.StatusOK {
		t.Errorf("a watcher takes the place of a request: status %d", r.status)
	}
}
