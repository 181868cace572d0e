package eventstoredb

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

const (
	// maxKnownTruncated bounds the streams that are kept in memory in the search
	// for truncated ones; those beyond are counted each time their metadata changes.
	maxKnownTruncated = 100_000

	typeMetadata  = "$metadata"
	typeTombstone = "$streamDeleted"
	deleted       = "deleted" // so that it can begin again
	metastream    = "$$"      // what the name of a stream's metadata begins with
)

// TruncatedStreams implements eventlog.Truncations. It reads the metadata of
// all streams, which the server sorts out by type; the newest of each counts.
func (l *Log) TruncatedStreams(ctx context.Context, categories ...string) (list []eventlog.Truncated, total int, err error) {
	s := newSubscription(l, l.scans, operationRead, 0)
	s.filter = metadataFilter()
	found := truncations{how: map[eventlog.Stream]string{}}
	s.take = func(e *esdb.RecordedEvent) (kept, more bool, err error) {
		if t, ok := truncation(e, categories); ok {
			found.note(t.Stream, t.How)
		}
		return true, true, nil
	}
	if err := l.scan(ctx, s); err != nil {
		return nil, 0, err
	}
	list, total = found.list()
	return list, total, nil
}

// WatchTruncated implements eventlog.TruncationWatcher by a subscription to the
// metadata of all streams.
func (l *Log) WatchTruncated(ctx context.Context, begun func(), found func(eventlog.Truncated), categories ...string) error {
	end, err := l.End(ctx)
	if err != nil {
		return err
	}
	begun()
	s := newSubscription(l, l.subs, operationSubscribe, end)
	s.filter, s.faults = metadataFilter(), maxSubscribeFaults
	s.take = func(e *esdb.RecordedEvent) (kept, more bool, err error) {
		if t, ok := truncation(e, categories); ok && t.How != "" {
			found(t)
		}
		return true, true, nil
	}
	return l.subscribe(ctx, s)
}

// metadataFilter lets the events pass by which streams begin and end to hide events.
func metadataFilter() *esdb.SubscriptionFilter {
	return &esdb.SubscriptionFilter{Type: esdb.EventFilterType, Prefixes: []string{typeMetadata, typeTombstone}}
}

// truncation returns how a stream of some categories hides events from an event
// on, "" if it does not any more; ok is false for other events.
func truncation(e *esdb.RecordedEvent, categories []string) (t eventlog.Truncated, ok bool) {
	name, how := e.StreamID, ""
	switch {
	case e.EventType == typeTombstone:
		how = "deleted for ever"
	case e.EventType == typeMetadata && strings.HasPrefix(name, metastream):
		name, how = strings.TrimPrefix(name, metastream), hiding(e.Data)
	default:
		return t, false
	}
	s := eventlog.Stream(name)
	if isSystem(name) || len(categories) > 0 && !slices.Contains(categories, s.Category()) {
		return t, false
	}
	return eventlog.Truncated{Stream: s, How: how}, true
}

// truncations are the streams that hide events, and how.
type truncations struct {
	how    map[eventlog.Stream]string
	beyond int
}

func (t *truncations) note(s eventlog.Stream, how string) {
	_, known := t.how[s]
	switch {
	case how == "":
		delete(t.how, s)
	case known || len(t.how) < maxKnownTruncated:
		t.how[s] = how
	default:
		t.beyond++
	}
}

func (t *truncations) list() (list []eventlog.Truncated, total int) {
	for s, how := range t.how {
		list = append(list, eventlog.Truncated{Stream: s, How: how})
	}
	total = len(list) + t.beyond
	slices.SortFunc(list, func(a, b eventlog.Truncated) int { return cmp.Compare(a.Stream, b.Stream) })
	return list[:min(len(list), eventlog.MaxTruncated)], total
}

// neverDeleted returns nil for a stream that was not deleted, although it shows
// no events, and Incomplete for one that was. The server answers that there is no
// such stream in both cases; a deleted one has metadata that says so, which is
// read once for [askedFor]: who decides on a new stream reads it and appends to it.
// operation is what the answer is needed for.
func (l *Log) neverDeleted(ctx context.Context, operation string, s eventlog.Stream) error {
	if _, asked := l.undeleted.GetIfPresent(s); asked {
		return nil
	}
	metadata, f, err := repeat(ctx, l, operation, l.page(esdb.Backwards, stream{metastream + s, esdb.End{}}, 1))
	switch {
	case err != nil && f.kind == domain.Incomplete: // it was deleted for ever meanwhile
		l.opts.Hooks.Failed(operation, f.kind)
		return eventlog.ErrIncomplete(s, 1, 0)
	case err != nil:
		f.lost = false // it was a read: whatever it is needed for was not begun
		return l.give(operation, f, err)
	case len(metadata.events) > 0 && hiding(metadata.events[0].Data) == deleted:
		l.opts.Hooks.Failed(operation, domain.Incomplete)
		return eventlog.ErrIncomplete(s, 1, 0)
	}
	l.undeleted.Set(s, struct{}{})
	return nil
}

// hiding returns how metadata hides events; empty if it does not. Metadata that is
// no JSON, or has a member of a wrong type, is none to the server.
func hiding(metadata []byte) string {
	var m struct {
		MaxCount *int64 `json:"$maxCount"`
		MaxAge   *int64 `json:"$maxAge"`
		Below    *int64 `json:"$tb"`
	}
	if json.Unmarshal(metadata, &m) != nil {
		return ""
	}
	if m.Below != nil && *m.Below == math.MaxInt64 {
		return deleted
	}
	var how []string
	for _, limit := range []struct {
		name  string
		value *int64
	}{{"$maxCount", m.MaxCount}, {"$maxAge", m.MaxAge}, {"$tb", m.Below}} {
		if limit.value != nil && *limit.value > 0 {
			how = append(how, fmt.Sprintf("%s %d", limit.name, *limit.value))
		}
	}
	return strings.Join(how, ", ")
}
