package esdbserver

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

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

	// scavengeHistory is the metadata of these streams: $ops may read them for 30
	// days, in seconds.
	scavengeHistory = `{"$maxAge":2592000,"$acl":{"$r":["$ops"],"$w":[],"$d":[],"$mr":[],"$mw":[]}}`
)

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
}

type scavengeCompleted struct {
	ID       string `json:"scavengeId"`
	Node     string `json:"nodeEndpoint"`
	Result   string `json:"result"`
	Error    string `json:"error"`
	Took     string `json:"timeTaken"`
	Saved    int64  `json:"spaceSaved"`
	MaxChunk int    `json:"maxChunkScavenged"`
}

// scavengeEnd is the result of a scavenge.
type scavengeEnd struct {
	ID, Result, Error string
	Node              string // that began it; empty is this one
	Took              time.Duration
	Saved             int64 // bytes
}

// noteStart stores that a scavenge begins, and before it that one was
// interrupted of which no end is stored.
func (s *scavenges) noteStart(ctx context.Context, id string, o scavengeOptions) error {
	if err := s.noteInterrupted(ctx); err != nil {
		return err
	}
	data, err := json.Marshal(scavengeStarted{
		ID: id, Node: s.advertised(), MergesChunks: true, FromChunk: o.fromChunk, Threads: max(o.threads, 1),
	})
	if err != nil {
		return err
	}
	return s.note(ctx, id, 0, scavengeStartedType, data, s.describe(engine.MetastreamOf(scavengeStreamPrefix+id)), s.describe(engine.MetastreamOf(scavengesStream)))
}

// noteEnd stores how a scavenge ended.
func (s *scavenges) noteEnd(ctx context.Context, end scavengeEnd) error {
	if end.Node == "" {
		end.Node = s.advertised()
	}
	data, err := json.Marshal(scavengeCompleted{
		ID: end.ID, Node: end.Node, Result: end.Result, Error: end.Error, Took: timeSpan(end.Took), Saved: end.Saved,
	})
	if err != nil {
		return err
	}
	return s.note(ctx, end.ID, 1, scavengeCompletedType, data)
}

// note stores an event of a scavenge with a link to it, and whatever else.
func (s *scavenges) note(ctx context.Context, id string, number int64, kind string, data []byte, further ...engine.Write) error {
	stream := scavengeStreamPrefix + id
	_, err := s.engine.AppendTogether(ctx, append(further,
		engine.Write{Stream: stream, Expected: engine.Expected(number - 1), Events: []engine.Proposed{{ID: freshID(), Type: kind, JSON: true, Data: data}}},
		engine.Write{Stream: scavengesStream, Expected: engine.Any, Events: []engine.Proposed{{
			ID: freshID(), Type: engine.LinkType, Data: engine.Link(&engine.Event{Stream: stream, Number: number}),
		}}},
	)...)
	return err
}

// describe sets the metadata of a stream of scavenges.
func (*scavenges) describe(metastream string) engine.Write {
	return engine.Write{Stream: metastream, Expected: engine.Any, Events: []engine.Proposed{
		{ID: freshID(), Type: engine.MetadataType, JSON: true, Data: []byte(scavengeHistory)},
	}}
}

// noteInterrupted stores the end of the last scavenge, if it has none.
func (s *scavenges) noteInterrupted(ctx context.Context) error {
	for r, err := range s.engine.ReadStream(ctx, scavengesStream, engine.NewestNumber, engine.Span{Backwards: true, Max: 1, ResolveLinks: true}) {
		if isGone(err) || err == nil && (r.Event == nil || r.Event.Type != scavengeStartedType) {
			return nil
		}
		if err != nil {
			return err
		}
		id := r.Event.Stream[len(scavengeStreamPrefix):]
		var begun scavengeStarted
		_ = json.Unmarshal(r.Event.Data, &begun) // for the address, which is only told
		s.logger.Info("a scavenge was interrupted; the next one does the rest", "id", id)
		return s.noteEnd(ctx, scavengeEnd{ID: id, Result: scavengeInterrupted, Node: begun.Node, Error: "The node was restarted.", Took: max(s.options.Clock().Sub(r.Event.Created), 0)})
	}
	return nil
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
