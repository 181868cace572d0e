package userclient

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"orderflow/domain"
)

// failure turns the answer of a server into an error that says what to do.
// One of ours stays as it is.
func (c *Client) failure(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if _, ours := errors.AsType[*domain.Error](err); ours {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	said := status.Convert(err)
	switch said.Code() { //nolint:exhaustive // all others are no answers of a user's request
	case codes.Unauthenticated:
		return domain.Errorf(domain.Invalid, "The event store at %s refuses the user or password of the connection string: there is no such user, it is disabled, or the password is another.", c.name)
	case codes.PermissionDenied:
		return domain.Errorf(domain.Rejected, "The event store at %s denies this to the user of the connection string (%s); name an administrator, such as admin.", c.name, c.who())
	case codes.NotFound:
		return domain.Errorf(domain.NotFound, "The event store at %s says: %s", c.name, said.Message())
	case codes.FailedPrecondition, codes.AlreadyExists:
		return domain.Errorf(domain.Conflict, "The user exists with another password, or was changed at the same time; check with `orderflow eventstore user list` and repeat.")
	case codes.InvalidArgument:
		return domain.Errorf(domain.Invalid, "%s", said.Message())
	case codes.Unimplemented:
		return domain.Errorf(domain.Invalid, "The server at %s has no service for users; EventStoreDB has it from version 20.6 on.", c.name)
	case codes.Unavailable:
		return domain.Wrap(domain.Unavailable, err, "The event store at %s cannot be reached", c.name)
	case codes.DeadlineExceeded, codes.Aborted:
		return domain.Errorf(domain.Unknown, "The event store at %s did not answer within %v, and may have done it; look with `orderflow eventstore user list`. An EventStoreDB that runs insecure never answers: it has no users.", c.name, callTimeout)
	}
	return domain.Wrap(domain.Internal, err, "The event store at %s did not do this", c.name)
}

func (c *Client) who() string {
	if c.login == "" {
		return "there is none"
	}
	return c.login
}
