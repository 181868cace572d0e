package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"orderflow/commands"
	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/order"
)

const (
	// heartbeatEvery keeps proxies from ending a silent stream; at each one the
	// log is looked at too, so that a lost wake-up costs no more than this.
	heartbeatEvery = 15 * time.Second
	// reconnectAfter is how long a client waits before it comes back.
	reconnectAfter = 2 * time.Second
	// writeWait bounds one write to a watcher that does not read.
	writeWait = 10 * time.Second
)

type watchInput struct {
	ID          string `path:"id"`
	LastEventID string `header:"Last-Event-ID" doc:"Go on after this position"`
}

type watchOutput struct{}

// watcher is one client that watches one order.
type watcher struct {
	w     http.ResponseWriter
	ctrl  *http.ResponseController
	log   eventlog.Store
	id    domain.OrderID
	above eventlog.Position
	gone  func(eventlog.Stream) error // see server.gone; nil once something was told

	refuse func(error) // answers with a problem, as long as nothing was told
	begun  bool        // something was told
}

func (s *server) watch(w http.ResponseWriter, r *http.Request) {
	id, err := orderID(chi.URLParam(r, "id"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	above, err := parsePosition(r.Header.Get("Last-Event-ID"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if !s.streams.begin() {
		s.fail(w, r, problem("too-many-streams", fmt.Sprintf("%d clients watch already.", s.config.Streams)))
		return
	}
	defer s.streams.end()
	s.guard.working.Add(-1) // a watcher does no work while it waits
	defer s.guard.working.Add(1)
	if s.config.Observer.Stream != nil {
		s.config.Observer.Stream(1)
		defer s.config.Observer.Stream(-1)
	}
	if err := s.exists(r.Context(), id); err != nil {
		s.fail(w, r, err)
		return
	}
	follow := watcher{w: w, refuse: func(err error) { s.fail(w, r, err) }, ctrl: http.NewResponseController(w), log: s.config.Log, id: id, above: above, gone: s.gone(r.Context(), id)}
	_ = follow.ctrl.SetReadDeadline(time.Time{}) // the server's limit on reading a request must not end this one
	s.follow(r.Context(), &follow)
}

// follow tells events until the client goes, the server drains, or the log fails;
// the client then comes back with Last-Event-ID.
func (s *server) follow(ctx context.Context, f *watcher) {
	var changed <-chan eventlog.Position
	if s.config.Changes != nil {
		positions, stop := s.config.Changes.Watch(f.id) // before the first look, so that nothing falls between
		defer stop()
		changed = positions
	}
	h := f.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	if c, checked := commands.CallerOf(ctx); checked && !c.Expires.IsZero() { // a watch ends with its token
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, c.Expires)
		defer cancel()
	}
	beat := time.NewTicker(s.config.Heartbeat)
	defer beat.Stop()
	text := fmt.Appendf(nil, "retry: %d\n\n", reconnectAfter.Milliseconds())
	for {
		if err := f.tell(ctx, text); err != nil {
			if !f.begun && domain.KindOf(err) == domain.Incomplete { // the client would come back for ever
				f.refuse(err)
			}
			return
		}
		select {
		case <-changed:
			text = nil
		case <-beat.C:
			text = []byte(": still here\n\n")
		case <-ctx.Done():
			return
		case <-s.drained:
			return
		}
	}
}

// tell writes text and whatever is new.
func (f *watcher) tell(ctx context.Context, text []byte) error {
	out := bytes.NewBuffer(text)
	for r, err := range merged(ctx, f.log, f.above, f.gone, streamsOf(f.id)...) {
		if err != nil {
			return err
		}
		data, err := json.Marshal(eventBodyOf(r))
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "id: %d\nevent: %s\ndata: %s\n\n", r.Position, r.Type, data)
		f.above = r.Position
		if out.Len() > maxPooledBytes {
			if err := f.flush(out); err != nil {
				return err
			}
		}
	}
	return f.flush(out)
}

func (f *watcher) flush(out *bytes.Buffer) error {
	defer out.Reset()
	f.begun, f.gone = true, nil
	_ = f.ctrl.SetWriteDeadline(time.Now().Add(writeWait)) // not every writer has one; then the server's holds
	if _, err := f.w.Write(out.Bytes()); err != nil {
		return err
	}
	return f.ctrl.Flush()
}

// exists is NotFound for an order that has no event, and Incomplete if the view
// knows it all the same.
func (s *server) exists(ctx context.Context, id domain.OrderID) error {
	for _, err := range s.config.Log.Read(ctx, streamsOf(id)[0], 0) {
		return err
	}
	return s.absent(ctx, id)
}

// absent returns the error of an order of which the log has nothing: Incomplete
// if the view knows it, for then its stream was deleted, and else NotFound.
func (s *server) absent(ctx context.Context, id domain.OrderID) error {
	if _, err := s.config.Orders.Order(ctx, id); err == nil {
		return eventlog.ErrIncomplete(order.Stream(id), 1, 0)
	}
	return errNoOrder(id)
}
