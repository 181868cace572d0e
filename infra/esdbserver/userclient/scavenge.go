package userclient

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"orderflow/domain"
	"orderflow/infra/esdbserver/operationspb"
)

// StartScavenge begins to remove for good what the server does not show any
// more, and returns the id of the scavenge. If one is under way already none is
// begun: the id is that one's, and running is true. It may be asked by $ops too.
func (c *Client) StartScavenge(ctx context.Context) (id string, running bool, err error) {
	err = c.ask(ctx, func(ctx context.Context, conn grpc.ClientConnInterface) error {
		said, err := operationspb.NewOperationsClient(conn).StartScavenge(ctx, &operationspb.StartScavengeReq{Options: &operationspb.StartScavengeReq_Options{ThreadCount: 1}})
		id, running = said.GetScavengeId(), said.GetScavengeResult() == operationspb.ScavengeResp_InProgress
		return c.operated(err)
	})
	return id, running, err
}

// StopScavenge ends the scavenge with this id; NotFound says that it is not
// under way.
func (c *Client) StopScavenge(ctx context.Context, id string) error {
	return c.ask(ctx, func(ctx context.Context, conn grpc.ClientConnInterface) error {
		_, err := operationspb.NewOperationsClient(conn).StopScavenge(ctx, &operationspb.StopScavengeReq{Options: &operationspb.StopScavengeReq_Options{ScavengeId: id}})
		if status.Code(err) == codes.NotFound {
			return domain.Errorf(domain.NotFound, "The scavenge %s is not under way at %s: it has ended, or was never begun.", id, c.name)
		}
		return c.operated(err)
	})
}

// operated translates the answers that mean something else for operations than
// for users.
func (c *Client) operated(err error) error {
	switch status.Code(err) { //nolint:exhaustive // all others mean the same
	case codes.Unimplemented:
		return domain.Errorf(domain.Invalid, "The server at %s cannot scavenge: %s", c.name, status.Convert(err).Message())
	case codes.PermissionDenied:
		return domain.Errorf(domain.Rejected, "The event store at %s denies this to the user of the connection string (%s); name one of the groups $ops and $admins, such as ops.", c.name, c.who())
	case codes.DeadlineExceeded, codes.Aborted:
		return domain.Errorf(domain.Unknown, "The event store at %s did not answer within %v, and may have done it; repeat the command, which begins no second scavenge.", c.name, callTimeout)
	}
	return err
}
