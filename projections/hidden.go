package projections

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/fulfilment"
	"orderflow/domain/order"
	"orderflow/domain/payment"
	"orderflow/domain/shipment"
	"orderflow/readmodels"
)

// Limits of the search for streams that hide events.
const (
	// HiddenEvery is the pause between two searches, and after one that failed.
	HiddenEvery = 30 * time.Second
	// hiddenSoon is the shortest pause before a search that was asked for.
	hiddenSoon = time.Second
	// hiddenShare bounds the search to one part in so many of the time: a store
	// with many streams has as much metadata to read.
	hiddenShare = 20
	// hiddenWait bounds one search.
	hiddenWait = 2 * time.Minute
	// maxStanding bounds the unfinished orders whose streams are read in one search.
	maxStalled = 200
	// standingFor is how long such an order has had no event.
	stalledFor = time.Minute
)

// Hidden finds orders whose streams lack events in the store in a way that no event can
// report, such as a fulfilment that itself lacks events. It asks the store which
// streams it truncates, and reads the streams of stalled orders. Every process that
// serves the list of such orders has one; its result is computed again after a restart.
type Hidden struct {
	Log     eventlog.Store
	Stalled func(ctx context.Context, before time.Time, limit int) ([]domain.OrderID, error) // nil for none
	Now     func() time.Time                                                                 // nil for the system's clock
	Logger  *slog.Logger                                                                     // nil for the default

	once  sync.Once
	asked chan struct{} // a search was asked for

	mu    sync.Mutex
	holes []readmodels.Hole // by stream; at most eventlog.MaxTruncated and the stalled ones
}

// Run searches until ctx is done, and then returns nil.
func (h *Hidden) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		begun := time.Now()
		err := h.Look(ctx)
		took := time.Since(begun)
		if err != nil {
			took = 0 // the store did not answer: that it took long says nothing of its size
		}
		if err != nil && ctx.Err() == nil {
			h.logger().WarnContext(ctx, "the search for streams that hide events failed; orders without events may be missing from the list of those that want attention", "error", err)
		}
		h.wait(ctx, took)
	}
	return nil
}

// LookSoon has Run search again soon: the store is known to hide events of a stream.
func (h *Hidden) LookSoon() {
	select {
	case h.questions() <- struct{}{}:
	default: // it is asked for already
	}
}

func (h *Hidden) questions() chan struct{} {
	h.once.Do(func() { h.asked = make(chan struct{}, 1) })
	return h.asked
}

// wait waits for the next search after one that took so long, or for LookSoon.
func (h *Hidden) wait(ctx context.Context, took time.Duration) {
	pause, soon := time.NewTimer(max(HiddenEvery, hiddenShare*took)), time.NewTimer(max(hiddenSoon, took))
	defer pause.Stop()
	defer soon.Stop()
	select {
	case <-ctx.Done():
		return
	case <-soon.C: // not before
	}
	select {
	case <-ctx.Done():
	case <-pause.C:
	case <-h.questions():
	}
}

func (h *Hidden) logger() *slog.Logger {
	if h.Logger == nil {
		return slog.Default()
	}
	return h.Logger
}

// Holes returns what the last search found.
func (h *Hidden) Holes() []readmodels.Hole {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.holes
}

// Look searches once. After an error the last result stays.
func (h *Hidden) Look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, hiddenWait)
	defer cancel()
	now := time.Now
	if h.Now != nil {
		now = h.Now
	}
	s := search{log: h.Log, now: now(), seen: map[eventlog.Stream]struct{}{}, before: map[string]time.Time{}}
	for _, hole := range h.Holes() {
		s.before[hole.Stream] = hole.Since
	}
	if err := s.limited(ctx); err != nil {
		return err
	}
	if h.Stalled != nil {
		if err := s.stalled(ctx, h.Stalled); err != nil {
			return err
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.holes = s.found
	return nil
}

// search is one search.
type search struct {
	log    eventlog.Store
	now    time.Time
	seen   map[eventlog.Stream]struct{}
	before map[string]time.Time // since when earlier searches found a stream
	found  []readmodels.Hole
}

// limited asks the store. A limit that has hidden nothing yet is no hole.
func (s *search) limited(ctx context.Context) error {
	store, ok := s.log.(eventlog.Truncations)
	if !ok {
		return nil
	}
	list, _, err := store.TruncatedStreams(ctx, order.Category, fulfilment.Category, payment.Category, shipment.Category)
	if err != nil {
		return err
	}
	for _, t := range list {
		deleted := strings.HasPrefix(t.How, "deleted") // it may read as never begun
		if err := s.look(ctx, t.Stream, t.How, deleted); err != nil {
			return err
		}
	}
	return nil
}

func (s *search) stalled(ctx context.Context, standing func(context.Context, time.Time, int) ([]domain.OrderID, error)) error {
	orders, err := standing(ctx, s.now.Add(-stalledFor), maxStalled)
	if err != nil {
		return err
	}
	for _, id := range orders {
		for _, stream := range []eventlog.Stream{order.Stream(id), fulfilment.Stream(id), payment.Stream(id), shipment.Stream(id)} {
			if err := s.look(ctx, stream, "", false); err != nil {
				return err
			}
		}
	}
	return nil
}

// look reads a stream and notes it if it lacks events.
func (s *search) look(ctx context.Context, stream eventlog.Stream, how string, lacks bool) error {
	if _, seen := s.seen[stream]; seen {
		return nil
	}
	s.seen[stream] = struct{}{}
	for _, err := range s.log.Read(ctx, stream, 0) {
		if err == nil {
			continue
		}
		if domain.KindOf(err) != domain.Incomplete {
			return err
		}
		lacks = true
	}
	if !lacks {
		return nil
	}
	since, known := s.before[string(stream)]
	if !known {
		since = s.now
	}
	s.found = append(s.found, readmodels.Hole{Stream: string(stream), Order: domain.OrderID(stream.ID()), How: how, Since: since})
	return nil
}
