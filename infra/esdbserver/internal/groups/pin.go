package groups

import (
	"encoding/json"
	"hash/fnv"
	"slices"

	"orderflow/infra/esdbserver/internal/engine"
)

// Buckets is into how many parts the strategies that pin divide all streams.
const Buckets = 1024

// pins says which client has which bucket. A bucket gets an owner with its
// first event. It changes hands when the owner leaves, and when there are
// clients with fewer buckets because they joined later; but never while an
// event of it is in flight, so that no stream is dealt with in two places.
type pins struct {
	owners  [Buckets]*client
	flights [Buckets]int // events in flight
	least   *client      // with the fewest buckets; nil if that has to be found out
}

// owner returns the client that an event of a bucket goes to.
func (p *pins) owner(bucket uint16, clients []*client) *client {
	owner := p.owners[bucket]
	if p.flights[bucket] > 0 || len(clients) == 0 {
		return owner
	}
	if p.least == nil {
		p.least = slices.MinFunc(clients, func(a, b *client) int { return a.buckets - b.buckets })
	}
	least := p.least
	if owner != nil && owner.buckets <= least.buckets+1 {
		return owner
	}
	if owner != nil {
		owner.buckets--
	}
	least.buckets++
	p.owners[bucket], p.least = least, nil
	return least
}

// release takes all buckets of a client that left.
func (p *pins) release(gone *client) {
	p.least = nil
	for b, owner := range p.owners {
		if owner == gone {
			p.owners[b] = nil
		}
	}
}

// Bucket says into which bucket an event falls.
func Bucket(s Strategy, r engine.Resolved) uint16 {
	if !s.pins() {
		return 0
	}
	source := sourceStream(r)
	if s == PinnedByCorrelation && r.Event != nil {
		var metadata struct {
			Correlation string `json:"$correlationId"`
		}
		if json.Unmarshal(r.Event.Metadata, &metadata) == nil && metadata.Correlation != "" {
			source = metadata.Correlation
		}
	}
	h := fnv.New32a()
	h.Write([]byte(source))
	return uint16(h.Sum32() % Buckets)
}

// sourceStream returns the stream an event was first written to, also if all there
// is of it is a link.
func sourceStream(r engine.Resolved) string {
	e := r.Event
	if e == nil {
		e = r.Link
	}
	if e.Type == engine.LinkType {
		if stream, _, ok := engine.ParseLink(e.Data); ok {
			return stream
		}
	}
	return e.Stream
}
