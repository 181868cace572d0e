package esdbserver

import (
	"context"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"orderflow/infra/esdbserver/internal/groups"
	"orderflow/infra/esdbserver/operationspb"
)

// trailerScavenge names the scavenge that an error is about.
const trailerScavenge = "scavenge-id"

// maxScavengeThreads bounds what a client may ask for.
const maxScavengeThreads = 64

// operationsService is the service for those that look after the node: the
// groups $admins and $ops.
type operationsService struct {
	operationspb.UnimplementedOperationsServer
	*Server
}

// StartScavenge implements the service. A node on a log that cannot remove
// events says so, and not that it is done.
func (s *operationsService) StartScavenge(ctx context.Context, request *operationspb.StartScavengeReq) (*operationspb.ScavengeResp, error) {
	if err := s.mayManage(ctx); err != nil {
		return nil, err
	}
	threads, chunk := request.GetOptions().GetThreadCount(), request.GetOptions().GetStartFromChunk()
	switch {
	case threads < 0 || threads > maxScavengeThreads:
		return nil, status.Errorf(codes.InvalidArgument, "A scavenge takes 0 to %d threads.", maxScavengeThreads)
	case chunk < 0:
		return nil, invalid("A scavenge starts from chunk 0 or a later one.")
	case !s.engine.CanScavenge():
		return nil, status.Error(codes.Unimplemented, "The log of this node cannot be scavenged: what was deleted stays in it.")
	}
	id, running, err := s.scavenges.start(ctx, scavengeOptions{threads: int(threads), fromChunk: int(chunk)}, by(ctx))
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	result := operationspb.ScavengeResp_Started
	if running {
		result = operationspb.ScavengeResp_InProgress
	}
	return &operationspb.ScavengeResp{ScavengeId: id, ScavengeResult: result}, nil
}

// StopScavenge implements the service: it answers when the scavenge has ended.
func (s *operationsService) StopScavenge(ctx context.Context, request *operationspb.StopScavengeReq) (*operationspb.ScavengeResp, error) {
	if err := s.mayManage(ctx); err != nil {
		return nil, err
	}
	id := request.GetOptions().GetScavengeId()
	ok, err := s.scavenges.stop(ctx, id)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	if !ok {
		return nil, failed(ctx, codes.NotFound, "Scavenge id was invalid.", "scavenge-not-found", trailerScavenge, id)
	}
	return &operationspb.ScavengeResp{ScavengeId: id, ScavengeResult: operationspb.ScavengeResp_Stopped}, nil
}

// Shutdown implements the service: the node answers, and then ends as by Close.
func (s *operationsService) Shutdown(ctx context.Context, _ *shared.Empty) (*shared.Empty, error) {
	if err := s.mayManage(ctx); err != nil {
		return nil, err
	}
	s.logger.Info("a client ends the node", "login", by(ctx))
	go func() { _ = s.Close() }() // it waits for this call; Serve returns when it is done
	return &shared.Empty{}, nil
}

// MergeIndexes implements the service. There are no files of an index to merge.
func (s *operationsService) MergeIndexes(ctx context.Context, _ *shared.Empty) (*shared.Empty, error) {
	return &shared.Empty{}, s.mayManage(ctx)
}

// ResignNode implements the service. A node that is alone stays the leader.
func (s *operationsService) ResignNode(ctx context.Context, _ *shared.Empty) (*shared.Empty, error) {
	return &shared.Empty{}, s.mayManage(ctx)
}

// SetNodePriority implements the service. The priority is shown until the node
// ends; there is no election that it could decide.
func (s *operationsService) SetNodePriority(ctx context.Context, request *operationspb.SetNodePriorityReq) (*shared.Empty, error) {
	if err := s.mayManage(ctx); err != nil {
		return nil, err
	}
	s.priority.Store(request.GetPriority())
	return &shared.Empty{}, nil
}

// RestartPersistentSubscriptions implements the service.
func (s *operationsService) RestartPersistentSubscriptions(ctx context.Context, _ *shared.Empty) (*shared.Empty, error) {
	return &shared.Empty{}, s.persistent.manage(ctx, func(gs *groups.Groups) error { return gs.Restart(ctx) })
}
