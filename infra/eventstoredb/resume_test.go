package eventstoredb_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/eventstoredb"
)

// script is a server whose n-th subscription gets the n-th list of messages and
// then drops; it notes from where each began.
type script struct {
	hostile
	parts [][]*streams.ReadResp
	mu    sync.Mutex
	from  []uint64
	asked []*streams.ReadReq
}

func newScript(parts ...[]*streams.ReadResp) *script {
	s := &script{parts: parts}
	s.read, s.end = s.subscribe, farAway
	return s
}

func (h *script) subscribe(r *streams.ReadReq, s streams.Streams_ReadServer) error {
	if r.GetOptions().GetSubscription() == nil { // whether a place that was refused is a position
		return status.Error(codes.InvalidArgument, "as the test wants it")
	}
	h.mu.Lock()
	n := len(h.from)
	at := r.GetOptions().GetAll().GetPosition().GetCommitPosition()
	h.from, h.asked = append(h.from, at), append(h.asked, r)
	h.mu.Unlock()
	if n >= len(h.parts) {
		<-s.Context().Done()
		return nil
	}
	if h.parts[n] == nil {
		return status.Error(codes.InvalidArgument, "as the test wants it")
	}
	for _, m := range append([]*streams.ReadResp{confirmed()}, h.parts[n]...) {
		if err := s.Send(m); err != nil {
			return err
		}
	}
	return status.Error(codes.Internal, "as the test wants it")
}

// farAway is an end that no script reaches.
const farAway = 1_000_000

// positions subscribes and returns where the first n events are.
func positions(t *testing.T, h *script, above eventlog.Position, n int, categories ...string) (list []eventlog.Position) {
	t.Helper()
	log := against(t, &h.hostile, eventstoredb.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for r, err := range log.Subscribe(ctx, above, categories...) {
		if err != nil {
			t.Fatal(err)
		}
		if list = append(list, r.Position); len(list) == n {
			break
		}
	}
	return list
}

func order(position uint64) *streams.ReadResp { return message("order-1", position, position, "x.v1") }

// TestResume drops subscriptions at chosen moments and looks where they go on.
func TestResume(t *testing.T) {
	for name, c := range map[string]struct {
		parts []part
		from  []uint64
		got   []eventlog.Position
	}{
		"after the last event": {
			[]part{{order(10), order(20)}, {order(30)}}, []uint64{5, 20}, []eventlog.Position{10, 20, 30},
		},
		"after a checkpoint that another one followed": {
			[]part{{order(10), checkpointAt(512), checkpointAt(1024)}, {order(1100)}}, []uint64{5, 512}, []eventlog.Position{10, 1100},
		},
		"an event that a checkpoint had passed is not lost": {
			[]part{{order(10), checkpointAt(30)}, {order(20), order(40)}}, []uint64{5, 10}, []eventlog.Position{10, 20, 40},
		},
		"nor if it comes at once": {
			[]part{{checkpointAt(30), order(20)}, {order(40)}}, []uint64{5, 20}, []eventlog.Position{20, 40},
		},
		"the end of time is no checkpoint": {
			[]part{{order(10), checkpointAt(1<<64 - 1), checkpointAt(1<<64 - 1)}, {order(20)}}, []uint64{5, 10}, []eventlog.Position{10, 20},
		},
		"what comes twice is passed over": {
			[]part{{order(10), order(20)}, {order(10), order(20), order(30)}}, []uint64{5, 20}, []eventlog.Position{10, 20, 30},
		},
		"a checkpoint that is no position": {
			[]part{{order(10), checkpointAt(500), checkpointAt(600)}, nil, {order(700)}}, []uint64{5, 500, 10}, []eventlog.Position{10, 700},
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newScript(c.parts...)
			if got := positions(t, h, 5, len(c.got), "order"); !slices.Equal(got, c.got) {
				t.Errorf("events at %v, want %v", got, c.got)
			}
			h.mu.Lock()
			defer h.mu.Unlock()
			if !slices.Equal(h.from, c.from) {
				t.Errorf("the subscriptions began at %v, want %v", h.from, c.from)
			}
		})
	}
}

type part = []*streams.ReadResp

// TestFilters looks at what is asked of the server, and at what is left out here.
func TestFilters(t *testing.T) {
	messages := part{
		message("$stats-0.0.0.0:2113", 1, 1, "$statsCollected"), message("order-1", 0, 2, "order.placed.v1"), message("orders-1", 0, 3, "x.v1"),
		message("order-2", 0, 4, "$>"), message("payment-1", 0, 5, "x.v1"), message("order", 0, 6, "x.v1"), message("order-9", 0, 7, "x.v1"),
	}
	for _, c := range []struct {
		categories []string
		prefixes   []string
		regex      string
		want       []eventlog.Position
	}{
		{[]string{"order"}, []string{"order"}, "", []eventlog.Position{2, 6, 7}},
		{[]string{"payment", "order", "order"}, []string{"order", "payment"}, "", []eventlog.Position{2, 5, 6, 7}},
		{nil, nil, `^[^\$]`, []eventlog.Position{2, 3, 5, 6, 7}},
	} {
		h := newScript(messages)
		if got := positions(t, h, 0, len(c.want), c.categories...); !slices.Equal(got, c.want) {
			t.Errorf("%v: events at %v, want %v", c.categories, got, c.want)
		}
		filter := h.asked[0].GetOptions().GetFilter()
		if on := filter.GetStreamIdentifier(); !slices.Equal(on.GetPrefix(), c.prefixes) || on.GetRegex() != c.regex {
			t.Errorf("%v: asked for %v", c.categories, filter)
		}
		if filter.GetMax() == 0 || filter.GetCheckpointIntervalMultiplier() == 0 {
			t.Errorf("no checkpoints were asked for: %v", filter)
		}
	}
}

// TestSubscriptionIsRefused ends with the kind of error that says so.
func TestSubscriptionIsRefused(t *testing.T) {
	for code, want := range map[codes.Code]domain.Kind{
		codes.PermissionDenied: domain.Unavailable, codes.Unauthenticated: domain.Unavailable, codes.InvalidArgument: domain.Invalid, codes.Internal: domain.Internal,
	} {
		h := &hostile{read: func(*streams.ReadReq, streams.Streams_ReadServer) error {
			return status.Error(code, "as the test wants it")
		}}
		log := against(t, h, eventstoredb.Options{})
		if err := last(log.Subscribe(t.Context(), 7, "order")); err == nil || domain.KindOf(err) != want {
			t.Errorf("%s: %v, want kind %s", code, err, want)
		}
	}
}

// TestSubscriptionsAreBounded refuses one too many at once.
func TestSubscriptionsAreBounded(t *testing.T) {
	h := newScript(slices.Repeat([][]*streams.ReadResp{{order(1)}}, 64)...)
	h.read = func(_ *streams.ReadReq, s streams.Streams_ReadServer) error {
		_ = s.Send(confirmed())
		_ = s.Send(order(1))
		<-s.Context().Done()
		return nil
	}
	h.end = farAway
	log := against(t, &h.hostile, eventstoredb.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var running, up sync.WaitGroup
	for range 64 {
		up.Add(1)
		running.Go(func() {
			once := sync.OnceFunc(up.Done)
			for range log.Subscribe(ctx, 0) {
				once()
			}
		})
	}
	up.Wait()
	if err := last(log.Subscribe(ctx, 0)); domain.KindOf(err) != domain.Exhausted {
		t.Errorf("one more: %v, want kind exhausted", err)
	}
	cancel()
	running.Wait()
}
