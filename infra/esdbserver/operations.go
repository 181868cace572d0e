package esdbserver

import (
	"context"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"orderflow/infra/esdbserver/groups"
	"orderflow/infra/esdbserver/operationspb"
)

// trailerScavenge names the scavenge that an error is about.
const trailerScavenge = "scavenge-id"

// Scavenger gives back the space of what no reader sees any more. Its methods
// return soon; the work goes on beside.
type Scavenger interface {
	// StartScavenge begins a scavenge and returns its id. While one is under
	// way, none is begun: the id is that one's, and running is true.
	StartScavenge(ctx context.Context, o ScavengeOptions) (id string, running bool, err error)
	// StopScavenge ends the scavenge with this id; ok is false if that one is
	// not under way.
	StopScavenge(ctx context.Context, id string) (ok bool, err error)
}

// ScavengeOptions are a client's wishes; a log without chunks may ignore both.
type ScavengeOptions struct {
	Threads   int // 0: the scavenger decides
	FromChunk int
}

// maxScavengeThreads bounds what a client may ask for.
const maxScavengeThreads = 64

// operationsService is the service for those that look after the node: the
// groups $admins and $ops.
type operationsService struct {
	operationspb.UnimplementedOperationsServer
	*Server
}

// StartScavenge implements the service. A node without a [Scavenger] says that
// it cannot, and not that it is done.
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
	case s.options.Scavenger == nil:
		return nil, status.Error(codes.Unimplemented, "The log of this node cannot be scavenged: what was deleted stays in it.")
	}
	id, running, err := s.options.Scavenger.StartScavenge(ctx, ScavengeOptions{Threads: int(threads), FromChunk: int(chunk)})
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	result := operationspb.ScavengeResp_Started
	if running {
		result = operationspb.ScavengeResp_InProgress
	}
	return &operationspb.ScavengeResp{ScavengeId: id, ScavengeResult: result}, nil
}

// StopScavenge implements the service.
func (s *operationsService) StopScavenge(ctx context.Context, request *operationspb.StopScavengeReq) (*operationspb.ScavengeResp, error) {
	if err := s.mayManage(ctx); err != nil {
		return nil, err
	}
	id, ok := request.GetOptions().GetScavengeId(), false
	if s.options.Scavenger != nil {
		var err error
		if ok, err = s.options.Scavenger.StopScavenge(ctx, id); err != nil {
			return nil, s.fail(ctx, err)
		}
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
