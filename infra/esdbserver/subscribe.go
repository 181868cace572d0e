package esdbserver

import (
	"context"
	"iter"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"

	"orderflow/infra/esdbserver/internal/engine"
)

// subscribe sends events as they come, until the client has had enough.
func (s *streamsService) subscribe(ctx context.Context, r *reading, to streams.Streams_ReadServer) error {
	s.options.Hooks.subscribed(1)
	defer s.options.Hooks.subscribed(-1)
	if err := to.Send(&streams.ReadResp{Content: &streams.ReadResp_Confirmation{
		Confirmation: &streams.ReadResp_SubscriptionConfirmation{SubscriptionId: uuid.NewString()},
	}}); err != nil {
		return err
	}
	if err := s.locate(ctx, r); err != nil { // after the confirmation, as there
		return err
	}
	var messages iter.Seq2[engine.Message, error]
	name := r.stream
	if name == "" {
		name = allStream
		messages = s.engine.SubscribeAll(ctx, r.position, r.span.ResolveLinks, r.filter.match(), r.checkpoints)
	} else {
		messages = s.engine.SubscribeStream(ctx, r.stream, r.number, r.span.ResolveLinks)
	}
	seen := s.engine.MetadataWrites()
	for m, err := range messages {
		if err != nil {
			return err
		}
		if now := s.engine.MetadataWrites(); now != seen {
			seen = now
			if err := s.may(ctx, read, name); err != nil {
				return err
			}
		}
		if m.Resolved != nil {
			resolved, err := s.unveiled(ctx, *m.Resolved)
			if err != nil {
				return err
			}
			m.Resolved = &resolved
		}
		if err := to.Send(s.message(m, r.form)); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) message(m engine.Message, form idForm) *streams.ReadResp {
	switch {
	case m.Resolved != nil:
		return s.readEvent(*m.Resolved, form)
	case m.CaughtUp:
		return &streams.ReadResp{Content: &streams.ReadResp_CaughtUp_{CaughtUp: &streams.ReadResp_CaughtUp{}}}
	default:
		at := s.options.Positions.Outward(m.Checkpoint)
		return &streams.ReadResp{Content: &streams.ReadResp_Checkpoint_{
			Checkpoint: &streams.ReadResp_Checkpoint{CommitPosition: at, PreparePosition: at},
		}}
	}
}
