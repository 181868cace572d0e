package esdbserver

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"orderflow/domain"
	"orderflow/infra/esdbserver/internal/engine"
)

// Clients look here for the scavenges that were and the one that is: each has a
// stream of its own, and the stream of all links to its first and last event.
// Names and members are those of EventStoreDB.
const (
	scavengesStream       = "$scavenges"
	scavengeStreamPrefix  = scavengesStream + "-"
	scavengeStartedType   = "$scavengeStarted"
	scavengeCompletedType = "$scavengeCompleted"
	// scavengeProgressType is of the events between them, which are the node's own
	// kind: a real server notes chunks and indexes there. No link leads to them.
	scavengeProgressType = "$scavengeProgress"

	// scavengeHistory is the metadata of these streams: $ops may read them for 30
	// days, in seconds.
	scavengeHistory = `{"$maxAge":2592000,"$acl":{"$r":["$ops"],"$w":[],"$d":[],"$mr":[],"$mw":[]}}`
)

// scavengeProgressEvery is how often the progress of a scavenge is noted: often
// enough for a person who waits, and each note makes the log write out a table.
const scavengeProgressEvery = 5 * time.Second

// scavengeProgress returns how often progress is noted.
func (o *Options) scavengeProgress() time.Duration {
	return cmp.Or(o.ScavengeProgress, scavengeProgressEvery)
}

// scavengeOptions are a client's wishes. A log without chunks works alone and
// from the beginning; they are only noted.
type scavengeOptions struct {
	threads   int
	fromChunk int
}

type scavengeStarted struct {
	ID           string `json:"scavengeId"`
	Node         string `json:"nodeEndpoint"`
	AlwaysKeep   bool   `json:"alwaysKeepScavenged"`
	MergesChunks bool   `json:"mergeChunks"`
	FromChunk    int    `json:"startFromChunk"`
	Threads      int    `json:"threads"`
	Before       int64  `json:"bytesBefore"` // this and the like are the node's own
}

type scavengeProgress struct {
	ID      string `json:"scavengeId"`
	Node    string `json:"nodeEndpoint"`
	Saved   int64  `json:"spaceSaved"` // so far
	Before  int64  `json:"bytesBefore"`
	Now     int64  `json:"bytesAfter"`
	Removed int64  `json:"eventsRemoved"`
}

type scavengeCompleted struct {
	ID       string `json:"scavengeId"`
	Node     string `json:"nodeEndpoint"`
	Result   string `json:"result"`
	Error    string `json:"error"`
	Took     string `json:"timeTaken"`
	Saved    int64  `json:"spaceSaved"`
	MaxChunk int    `json:"maxChunkScavenged"`
	Before   int64  `json:"bytesBefore"`
	After    int64  `json:"bytesAfter"` // 0: not known
	Removed  int64  `json:"eventsRemoved"`
}

// scavengeEnd is the result of a scavenge.
type scavengeEnd struct {
	ID, Result, Error string
	Node              string // that began it; empty is this one
	Took              time.Duration
	Before, After     int64 // bytes; 0 is not known
	Removed           int64 // events
}

// noteStart stores that a scavenge begins, and before it that one was
// interrupted of which no end is stored.
func (s *scavenges) noteStart(ctx context.Context, one *scavenge, o scavengeOptions) error {
	if err := s.noteInterrupted(ctx); err != nil {
		return err
	}
	data, err := json.Marshal(scavengeStarted{
		ID: one.id, Node: s.advertised(), MergesChunks: true, FromChunk: o.fromChunk, Threads: max(o.threads, 1), Before: one.before,
	})
	if err != nil {
		return err
	}
	stream := engine.MetastreamOf(scavengeStreamPrefix + one.id)
	return s.note(ctx, one.id, engine.Expected(-1), scavengeStartedType, data, s.describe(stream), s.describe(engine.MetastreamOf(scavengesStream)))
}

// noteEnd stores how a scavenge ended.
func (s *scavenges) noteEnd(ctx context.Context, end scavengeEnd) error {
	if end.Node == "" {
		end.Node = s.advertised()
	}
	data, err := json.Marshal(scavengeCompleted{
		ID: end.ID, Node: end.Node, Result: end.Result, Error: end.Error, Took: timeSpan(end.Took),
		Saved: engine.SavedBytes(end.Before, end.After), Before: end.Before, After: end.After, Removed: end.Removed,
	})
	if err != nil {
		return err
	}
	last, err := s.newest(ctx, scavengeStreamPrefix+end.ID)
	if err != nil {
		return err
	}
	if last == nil {
		return domain.Errorf(domain.Internal, "The start of the scavenge %s is not stored.", end.ID)
	}
	return s.note(ctx, end.ID, engine.Expected(last.Number), scavengeCompletedType, data)
}

// noteProgress stores how far a scavenge is, in its own stream alone.
func (s *scavenges) noteProgress(ctx context.Context, one *scavenge, now int64) error {
	data, err := json.Marshal(scavengeProgress{
		ID: one.id, Node: s.advertised(), Saved: engine.SavedBytes(one.before, now), Before: one.before, Now: now, Removed: s.engine.Removed(),
	})
	if err != nil {
		return err
	}
	_, err = s.engine.Append(ctx, engine.Write{Stream: scavengeStreamPrefix + one.id, Expected: engine.StreamExists, Events: []engine.Proposed{
		{ID: freshID(), Type: scavengeProgressType, JSON: true, Data: data},
	}})
	return err
}

// note stores the event of a scavenge that follows the one with a number, a link to it, and
// whatever else.
func (s *scavenges) note(ctx context.Context, id string, after engine.Expected, kind string, data []byte, further ...engine.Write) error {
	stream := scavengeStreamPrefix + id
	_, err := s.engine.AppendTogether(ctx, append(further,
		engine.Write{Stream: stream, Expected: after, Events: []engine.Proposed{{ID: freshID(), Type: kind, JSON: true, Data: data}}},
		engine.Write{Stream: scavengesStream, Expected: engine.Any, Events: []engine.Proposed{{
			ID: freshID(), Type: engine.LinkType, Data: engine.Link(&engine.Event{Stream: stream, Number: int64(after) + 1}),
		}}},
	)...)
	return err
}

// newest returns the last event of a stream, or the one that it links to; nil if
// there is none.
func (s *scavenges) newest(ctx context.Context, stream string) (*engine.Event, error) {
	for r, err := range s.engine.ReadStream(ctx, stream, engine.NewestNumber, engine.Span{Backwards: true, Max: 1, ResolveLinks: true}) {
		if isGone(err) {
			return nil, nil
		}
		return r.Event, err
	}
	return nil, nil
}

// describe sets the metadata of a stream of scavenges.
func (*scavenges) describe(metastream string) engine.Write {
	return engine.Write{Stream: metastream, Expected: engine.Any, Events: []engine.Proposed{
		{ID: freshID(), Type: engine.MetadataType, JSON: true, Data: []byte(scavengeHistory)},
	}}
}

// noteInterrupted stores the end of the last scavenge, if it has none: with the
// size that the log has now, and what was removed by the last note of it.
func (s *scavenges) noteInterrupted(ctx context.Context) error {
	begun, err := s.newest(ctx, scavengesStream)
	if err != nil || begun == nil || begun.Type != scavengeStartedType {
		return err
	}
	id := begun.Stream[len(scavengeStreamPrefix):]
	last, err := s.newest(ctx, begun.Stream)
	if err != nil || last == nil {
		return err
	}
	var told scavengeProgress
	_ = json.Unmarshal(last.Data, &told) // of an older version it lacks sizes, and so they are not known
	end := scavengeEnd{
		ID: id, Result: scavengeInterrupted, Node: told.Node, Error: "The node was restarted.",
		Took: max(s.options.Clock().Sub(begun.Created), 0), Before: told.Before, Removed: told.Removed,
	}
	if end.After, err = s.engine.Bytes(ctx); err != nil {
		s.logger.Warn("the size of the log cannot be told, and so not what an interrupted scavenge gave back", "id", id, "error", err)
	}
	s.logger.Info("a scavenge was interrupted; the next one does the rest", "id", id, "events", end.Removed,
		"bytes_before", end.Before, "bytes_after", end.After, "bytes_given_back", engine.SavedBytes(end.Before, end.After))
	return s.noteEnd(ctx, end)
}

// timeSpan writes a duration as .NET does: [d.]hh:mm:ss.fffffff.
func timeSpan(d time.Duration) string {
	const day = 24 * time.Hour
	text := fmt.Sprintf("%02d:%02d:%02d.%07d", d%day/time.Hour, d%time.Hour/time.Minute, d%time.Minute/time.Second, d%time.Second/(100*time.Nanosecond))
	if d >= day {
		text = fmt.Sprintf("%d.%s", d/day, text)
	}
	return text
}
