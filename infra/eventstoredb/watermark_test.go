package eventstoredb_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/eventstoredb"
)

func caughtUp() *streams.ReadResp {
	return &streams.ReadResp{Content: &streams.ReadResp_CaughtUp_{CaughtUp: &streams.ReadResp_CaughtUp{}}}
}

// TestWatermarks has a server say how far it has looked, and looks at what the
// subscriber is told.
func TestWatermarks(t *testing.T) {
	up := func(p eventlog.Position) eventlog.Watermark { return eventlog.Watermark{Position: p, CaughtUp: true} }
	far := func(p eventlog.Position) eventlog.Watermark { return eventlog.Watermark{Position: p} }
	for name, c := range map[string]struct {
		end   uint64
		old   bool
		above eventlog.Position
		parts []part
		want  []eventlog.Watermark
	}{
		"the end that was measured":            {end: 30, parts: []part{{order(10), caughtUp()}, {}}, want: []eventlog.Watermark{up(30)}},
		"an event at the end":                  {end: 30, parts: []part{{order(10), order(30)}, {}}, want: []eventlog.Watermark{up(30)}},
		"an event of others at the end":        {end: 30, parts: []part{{order(10), message("orders-1", 0, 30, "x.v1")}, {}}, want: []eventlog.Watermark{up(30)}},
		"checkpoints that count":               {end: 3000, parts: []part{{order(10), checkpointAt(512), checkpointAt(1024), checkpointAt(1536)}, {}}, want: []eventlog.Watermark{far(512), far(1024)}},
		"one that came too early does not":     {end: 3000, parts: []part{{checkpointAt(512), order(500), checkpointAt(1024), checkpointAt(1536)}, {}}, want: []eventlog.Watermark{far(1024)}},
		"the caller begins at the end":         {end: 30, above: 30, parts: []part{{}, {}}, want: []eventlog.Watermark{up(30)}},
		"caught up stays after a drop":         {end: 30, parts: []part{{caughtUp()}, {checkpointAt(512), checkpointAt(1024)}, {}}, want: []eventlog.Watermark{up(30), up(512)}},
		"a server that does not say it: event": {end: 30, old: true, parts: []part{{order(10), message("$stats", 0, 30, "$x")}, {}}, want: []eventlog.Watermark{up(30)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newScript(append(c.parts, nil, nil)...) // from a checkpoint and from an event: refused, which ends it
			h.end, h.old = c.end, c.old
			log := against(t, &h.hostile, eventstoredb.Options{})
			var got []eventlog.Watermark
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			for _, err := range log.SubscribeWatermarked(ctx, c.above, func(m eventlog.Watermark) { got = append(got, m) }, "order") {
				if err == nil {
					continue
				}
				if h.mu.Lock(); len(h.from) < len(c.parts) {
					t.Errorf("after %d subscriptions: %v", len(h.from), err)
				}
				h.mu.Unlock()
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("watermarks %+v, want %+v", got, c.want)
			}
			if filtered := h.asked[0].GetOptions().GetFilter() != nil; filtered == c.old {
				t.Errorf("a filter was asked for: %t", filtered)
			}
		})
	}
}

// TestNoPosition begins at a number that is no position: a real server confirms
// the subscription first, and reading there fails as any exception does.
func TestNoPosition(t *testing.T) {
	var broken atomic.Bool // the position is one, and reading fails for another reason
	h := &hostile{end: farAway, read: func(r *streams.ReadReq, s streams.Streams_ReadServer) error {
		if r.GetOptions().GetSubscription() == nil {
			return status.Error(codes.Unknown, "Exception was thrown by handler.")
		}
		_ = s.Send(confirmed())
		if broken.Load() {
			return s.Send(order(farAway))
		}
		return status.Error(codes.InvalidArgument, "Trying to read from an invalid position.")
	}}
	log := against(t, h, eventstoredb.Options{Timeout: short})
	for name, seq := range map[string]func(func(eventlog.Recorded, error) bool){
		"subscribe": log.SubscribeWatermarked(t.Context(), 7, func(m eventlog.Watermark) { t.Errorf("the watermark %+v", m) }, "order"),
		"read":      log.ReadAll(t.Context(), 7, "order"),
	} {
		if err := last(seq); err == nil || domain.KindOf(err) != domain.Invalid {
			t.Errorf("%s: %v, want kind invalid", name, err)
		}
	}
	if r, ok, err := log.At(t.Context(), 7); ok || err != nil {
		t.Errorf("at a number that is no position is %+v, %t, %v; want nothing", r, ok, err)
	}
	broken.Store(true)
	if r, ok, err := log.At(t.Context(), 7); ok || domain.KindOf(err) != domain.Unavailable {
		t.Errorf("at a position that cannot be read is %+v, %t, %v; want kind unavailable", r, ok, err)
	}
}

// TestSilence ends a reading in which nothing comes, and none whose reader is slow.
func TestSilence(t *testing.T) {
	const timeout = 400 * time.Millisecond
	h := &hostile{end: 30, read: func(_ *streams.ReadReq, s streams.Streams_ReadServer) error {
		for _, m := range []*streams.ReadResp{confirmed(), order(10), order(20)} {
			_ = s.Send(m)
		}
		<-s.Context().Done()
		return nil
	}}
	log := against(t, h, eventstoredb.Options{Timeout: timeout})
	n := 0
	var failed error
	var quiet time.Time
	for _, err := range log.ReadAll(t.Context(), 0, "order") {
		if failed = err; err != nil {
			break
		}
		n++
		<-time.After(2 * timeout) // the reader is slow
		quiet = time.Now()
	}
	if n != 2 || domain.KindOf(failed) != domain.Unavailable {
		t.Errorf("%d events and %v, want 2 and kind unavailable", n, failed)
	}
	if took := time.Since(quiet); took < timeout {
		t.Errorf("it was given up after %s, want %s", took, timeout)
	}
}

// TestRefusedForAnotherReason refuses a subscription from a place that is a
// position. The reader must not be sent back for that.
func TestRefusedForAnotherReason(t *testing.T) {
	var opened atomic.Int64
	h := &hostile{end: farAway, read: func(r *streams.ReadReq, s streams.Streams_ReadServer) error {
		switch {
		case r.GetOptions().GetSubscription() == nil:
			return s.Send(order(10))
		case opened.Add(1) < 3:
			_ = s.Send(confirmed())
			return status.Error(codes.InvalidArgument, "The filter's expression takes too long.")
		}
		_ = s.Send(confirmed())
		return s.Send(order(20))
	}}
	log := against(t, h, eventstoredb.Options{})
	for r, err := range log.Subscribe(t.Context(), 10, "order") {
		if err != nil || r.Position != 20 {
			t.Errorf("%+v, %v; want the event at 20", r, err)
		}
		break
	}
}
