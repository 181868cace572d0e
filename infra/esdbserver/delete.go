package esdbserver

import (
	"context"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
)

// Delete implements the service.
func (s *streamsService) Delete(ctx context.Context, request *streams.DeleteReq) (*streams.DeleteResp, error) {
	w, err := writeOf(request.GetOptions().GetStreamIdentifier(), request.GetOptions().GetExpectedStreamRevision())
	if err == nil {
		err = s.may(ctx, remove, w.Stream)
	}
	if err != nil {
		return nil, err
	}
	written, err := s.engine.Delete(ctx, w.Stream, w.Expected)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	written = s.told(written)
	if !written.HasPosition {
		return &streams.DeleteResp{PositionOption: &streams.DeleteResp_NoPosition{NoPosition: &shared.Empty{}}}, nil
	}
	return &streams.DeleteResp{PositionOption: &streams.DeleteResp_Position_{
		Position: &streams.DeleteResp_Position{CommitPosition: written.Position, PreparePosition: written.Position},
	}}, nil
}

// Tombstone implements the service.
func (s *streamsService) Tombstone(ctx context.Context, request *streams.TombstoneReq) (*streams.TombstoneResp, error) {
	w, err := writeOf(request.GetOptions().GetStreamIdentifier(), request.GetOptions().GetExpectedStreamRevision())
	if err == nil {
		err = s.may(ctx, remove, w.Stream)
	}
	if err != nil {
		return nil, err
	}
	written, err := s.engine.Tombstone(ctx, w.Stream, w.Expected)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	written = s.told(written)
	if !written.HasPosition {
		return &streams.TombstoneResp{PositionOption: &streams.TombstoneResp_NoPosition{NoPosition: &shared.Empty{}}}, nil
	}
	return &streams.TombstoneResp{PositionOption: &streams.TombstoneResp_Position_{
		Position: &streams.TombstoneResp_Position{CommitPosition: written.Position, PreparePosition: written.Position},
	}}, nil
}
