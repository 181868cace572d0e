package clustertest

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver/internal/engine"
)

// fillBatch is how many events are written at once: far below what one append
// takes, and enough for its cost not to count.
const fillBatch = 8_192

// fillStreams returns those of the server's own projection by category, as many as
// a system of orders has.
func fillStreams() []string {
	return []string{"$ce-order", "$ce-payment", "$ce-shipment", "$ce-stock", "$ce-fulfilment"}
}

// FillSystem appends n events of the server's own to log, as the projection by
// category writes them: links in streams $ce-…, which all lead to events that
// are gone. No cluster may be on the log; on one that is, see
// [Cluster.FillSystem].
func FillSystem(ctx context.Context, log engine.Log, n int) error {
	e := engine.New(log, engine.Options{})
	defer e.Close()
	return fill(ctx, e, n)
}

// FillSystem is the function of that name for the log of a cluster.
func (c *Cluster) FillSystem(ctx context.Context, n int) error { return fill(ctx, c.engine, n) }

func fill(ctx context.Context, e *engine.Engine, n int) error {
	var id eventlog.EventID
	binary.BigEndian.PutUint64(id[8:], rand.Uint64()>>1|1<<63) //nolint:gosec // no secret
	id[6] = 0x80                                               // a version 8 UUID, as those of this module are
	events := make([]engine.Proposed, 0, fillBatch)
	streams := fillStreams()
	for done := 0; done < n; done += len(events) {
		stream := streams[done/fillBatch%len(streams)]
		events = events[:0]
		for i := done; i < min(n, done+fillBatch); i++ {
			binary.BigEndian.PutUint32(id[:4], uint32(i)) //nolint:gosec // a number of events
			events = append(events, engine.Proposed{ID: id, Type: engine.LinkType, Data: fmt.Appendf(nil, "%d@%s-%d", i%9, stream[len("$ce-"):], i/9)})
		}
		if _, err := e.Append(ctx, engine.Write{Stream: stream, Expected: engine.Any, Events: events}); err != nil {
			return fmt.Errorf("after %d of %d events: %w", done, n, err)
		}
	}
	return nil
}
