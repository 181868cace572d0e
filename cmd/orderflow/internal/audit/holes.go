package audit

import (
	"context"
	"fmt"
	"hash/maphash"
	"io"
	"strings"

	"orderflow/cmd/orderflow/internal/terminal"
	"orderflow/domain"
	"orderflow/domain/catalog"
	"orderflow/domain/eventlog"
	"orderflow/domain/fulfilment"
	"orderflow/domain/inventory"
	"orderflow/domain/order"
	"orderflow/domain/payment"
	"orderflow/domain/shipment"
)

// MaxHolesTold bounds the streams that a report names; it counts all.
const MaxHolesTold = 20

// Categories are those of this system's streams.
func Categories() []string {
	return []string{order.Category, inventory.Category, payment.Category, shipment.Category, catalog.Category, fulfilment.Category}
}

// Hole is a stream that lacks events.
type Hole struct {
	Stream  eventlog.Stream `json:"stream"`
	Missing string          `json:"missing"` // "events 1 to 6"
}

// limited is a stream of which the store takes events away, now or as it grows.
type limited struct {
	Stream eventlog.Stream `json:"stream"`
	How    string          `json:"how"` // "$maxCount 1"
}

// Holes says which streams lack events, and which will.
type Holes struct {
	IncompleteStreams int64     `json:"incomplete_streams"`
	Incomplete        []Hole    `json:"incomplete,omitempty"` // the first of them
	LimitedStreams    int64     `json:"limited_streams,omitempty"`
	Limited           []limited `json:"limited,omitempty"` // the first of them
}

// Err is what a person has to do, or nil if no stream lacks events.
func (h Holes) Err() error {
	if h.IncompleteStreams == 0 {
		return nil
	}
	return domain.Errorf(domain.Incomplete, "The log lacks events of %d streams: they were truncated or deleted where they are kept, and nothing is decided about them. "+
		"Take their metadata back ($maxCount, $maxAge, $tb), or restore their events from a backup.", h.IncompleteStreams)
}

// Show writes one line per stream that is named.
func (h Holes) Show(w io.Writer) {
	for _, s := range h.Incomplete {
		fmt.Fprintf(w, "%s lacks %s.\n", s.Stream, s.Missing)
	}
	if more := h.IncompleteStreams - int64(len(h.Incomplete)); more > 0 {
		fmt.Fprintf(w, "… and %s more.\n", terminal.Grouped(more))
	}
	for _, s := range h.Limited {
		fmt.Fprintf(w, "%s is limited in the event store: %s.\n", s.Stream, s.How)
	}
	if more := h.LimitedStreams - int64(len(h.Limited)); h.LimitedStreams > 0 && more > 0 {
		fmt.Fprintf(w, "… and %s more.\n", terminal.Grouped(more))
	}
}

// Span is a run of events of one stream without a hole.
type Span struct {
	stream   eventlog.Stream
	from, to eventlog.Version
}

// SpansOf returns the runs of events of each stream of ours, in their order.
func SpansOf(events []eventlog.Recorded) (all []Span) {
	last := make(map[eventlog.Stream]int, len(events)/4)
	for _, r := range events {
		if !Ours(r.Stream.Category()) {
			continue
		}
		if i, ok := last[r.Stream]; ok && all[i].to+1 == r.Version {
			all[i].to = r.Version
			continue
		}
		last[r.Stream] = len(all)
		all = append(all, Span{r.Stream, r.Version, r.Version})
	}
	return all
}

// Continuity follows the versions of all streams of a log and finds those that
// lack events. It keeps some 40 bytes for each stream, by a hash of its name.
type Continuity struct {
	seeds [2]maphash.Seed
	Last  map[[2]uint64]eventlog.Version
	holed map[[2]uint64]struct{}
	Holes Holes
}

// NewContinuity returns a Continuity that has seen no stream.
func NewContinuity() *Continuity {
	return &Continuity{
		seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()},
		Last:  map[[2]uint64]eventlog.Version{}, holed: map[[2]uint64]struct{}{},
	}
}

func (c *Continuity) key(s eventlog.Stream) [2]uint64 {
	return [2]uint64{maphash.String(c.seeds[0], string(s)), maphash.String(c.seeds[1], string(s))}
}

// Take adds the spans that follow in the log.
func (c *Continuity) Take(all []Span) {
	for _, s := range all {
		key := c.key(s.stream)
		if last := c.Last[key]; s.from > last+1 {
			c.found(key, s.stream, versions(last+1, s.from-1))
		}
		c.Last[key] = max(c.Last[key], s.to)
	}
}

func versions(from, to eventlog.Version) string {
	if from == to {
		return fmt.Sprintf("event %d", from)
	}
	return fmt.Sprintf("events %d to %d", from, to)
}

// found notes that a stream lacks events, once.
func (c *Continuity) found(key [2]uint64, s eventlog.Stream, missing string) {
	if _, known := c.holed[key]; known {
		return
	}
	c.holed[key] = struct{}{}
	if c.Holes.IncompleteStreams++; len(c.Holes.Incomplete) < MaxHolesTold {
		c.Holes.Incomplete = append(c.Holes.Incomplete, Hole{s, missing})
	}
}

// Ask adds the streams of which the store says that it hides events: until a
// scavenge they still are in the log as a whole, and only a read of the stream
// misses them.
func (c *Continuity) Ask(ctx context.Context, log eventlog.Store) error {
	store, ok := log.(eventlog.Truncations)
	if !ok {
		return nil
	}
	list, total, err := store.TruncatedStreams(ctx, Categories()...)
	if err != nil {
		return err
	}
	c.Holes.LimitedStreams = int64(total)
	for _, s := range list {
		if len(c.Holes.Limited) < MaxHolesTold {
			c.Holes.Limited = append(c.Holes.Limited, limited{s.Stream, s.How})
		}
		missing, err := c.missing(ctx, log, s)
		if err != nil {
			return err
		}
		if missing != "" {
			c.found(c.key(s.Stream), s.Stream, missing)
		}
	}
	return nil
}

// missing reads the beginning of a stream and says what is not there.
func (c *Continuity) missing(ctx context.Context, log eventlog.Store, s eventlog.Truncated) (string, error) {
	for _, err := range log.Read(ctx, s.Stream, 0) {
		switch {
		case err == nil:
			return "", nil
		case domain.KindOf(err) == domain.Incomplete:
			return "its beginning (" + s.How + ")", nil
		}
		return "", err
	}
	if strings.HasPrefix(s.How, "deleted") || c.Last[c.key(s.Stream)] > 0 {
		return "all its events (" + s.How + ")", nil
	}
	return "", nil
}
