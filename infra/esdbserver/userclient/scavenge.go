package userclient

import (
	"context"
	"encoding/json"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
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

// scavenges is the stream that links to the first and the last event of each
// scavenge; its name with a dash and the id is that of the scavenge's own stream.
const scavenges = "$scavenges"

// Scavenge is the progress of a scavenge. A server that is no node of ours tells
// no sizes and no events, and while it is under way nothing is told of it.
type Scavenge struct {
	ID      string
	Result  string // Success, Stopped, Errored or Interrupted; empty while it is under way
	Error   string // why it failed
	Took    string // [d.]hh:mm:ss.fffffff, empty while it is under way
	Saved   int64  // bytes that were given back, so far
	Before  int64  // bytes of the log when it began; 0 is not known
	After   int64  // bytes of the log when it ended, or lately; 0 is not known
	Removed int64  // events, so far
}

// NewestScavenge returns how the scavenge stands that was begun last; NotFound
// says that the server tells of none. Servers tell of those of the last 30 days,
// to $ops and $admins; before the first one only $admins may ask.
func (c *Client) NewestScavenge(ctx context.Context) (Scavenge, error) {
	s, err := c.scavengeIn(ctx, scavenges)
	if err != nil || s.Result != "" {
		return s, err
	}
	return c.Scavenge(ctx, s.ID) // its own stream tells how far it is
}

// Scavenge returns how the scavenge with this id stands; see [Client.NewestScavenge].
func (c *Client) Scavenge(ctx context.Context, id string) (Scavenge, error) {
	return c.scavengeIn(ctx, scavenges+"-"+id)
}

// scavengeIn returns what the newest event of a stream says of a scavenge.
func (c *Client) scavengeIn(ctx context.Context, stream string) (s Scavenge, err error) {
	err = c.ask(ctx, func(ctx context.Context, conn grpc.ClientConnInterface) error {
		data, _, err := newest(ctx, streams.NewStreamsClient(conn), stream)
		if status.Code(err) == codes.PermissionDenied {
			return domain.Errorf(domain.Rejected, "The event store at %s denies this to the user of the connection string (%s); name one of the groups $ops and $admins, such as ops; one of $admins if no scavenge was ever begun there.", c.name, c.who())
		}
		if err != nil {
			return c.operated(err)
		}
		if data == nil {
			return domain.Errorf(domain.NotFound, "The event store at %s tells of no scavenge: none was begun in the last 30 days.", c.name)
		}
		var said struct {
			ScavengeID, Result, Error, TimeTaken               string
			SpaceSaved, BytesBefore, BytesAfter, EventsRemoved int64
		}
		if err := json.Unmarshal(data, &said); err != nil || said.ScavengeID == "" {
			return domain.Wrap(domain.Internal, err, "The event store at %s tells of a scavenge in a form that is not known; look at the newest event of %s", c.name, stream)
		}
		s = Scavenge{
			ID: said.ScavengeID, Result: said.Result, Error: said.Error, Took: said.TimeTaken,
			Saved: said.SpaceSaved, Before: said.BytesBefore, After: said.BytesAfter, Removed: said.EventsRemoved,
		}
		return nil
	})
	return s, err
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
