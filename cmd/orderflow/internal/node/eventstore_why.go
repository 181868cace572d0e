package node

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"orderflow/domain"
	"orderflow/infra/esdbserver/servers"
)

// refusal returns with what code an event store refused a user, or what the
// user wanted to do; codes.OK if it did not.
func refusal(err error) codes.Code {
	switch code := status.Code(err); code {
	case codes.Unauthenticated, codes.PermissionDenied:
		return code
	default:
		return codes.OK
	}
}

// Explained adds to the error of an event store what an operator needs to mend
// it: the user of the connection string, what it lacks, and the command. The
// kind stays.
func (c Config) Explained(err error) error {
	code := refusal(err)
	if code == codes.OK || c.EventStore == "" {
		return err
	}
	named, unusable := servers.Parse(c.EventStore)
	if unusable != nil {
		return err
	}
	kind, login := domain.KindOf(err), named.Login
	switch {
	case login == "":
		return domain.Wrap(kind, err, "The connection string names no user, and the event store demands one; make one with `orderflow eventstore user add orderflow --reads-all`, and write esdb://orderflow:PASSWORD@%s", named.Name())
	case code == codes.Unauthenticated:
		return domain.Wrap(kind, err, "The user %[1]s cannot log in: there is no such user, it is disabled, or its password is another. An administrator sees which with `orderflow eventstore user list`, and mends it with "+
			"`orderflow eventstore user add %[1]s --reads-all`, `orderflow eventstore user enable %[1]s` or `orderflow eventstore user passwd %[1]s`; the password in the connection string must be the same", login)
	case kind == domain.ReadOnly:
		return domain.Wrap(kind, err, "The user %s may not write to a stream of orderflow; `orderflow eventstore check` says to which, and an administrator changes the default rights (stream $settings)", login)
	}
	return domain.Wrap(kind, err, "The user %[1]s lacks the right to read $all; an administrator gives it with `orderflow eventstore user grant %[1]s`. `orderflow eventstore check` says what else it lacks", login)
}

// Troubled adds to the error of an event store that cannot be reached why that
// is, where it can be found out; the kind is Invalid if another try changes nothing.
func Troubled(ctx context.Context, connection string, err error) error {
	if domain.KindOf(err) != domain.Unavailable || refusal(err) != codes.OK {
		return err
	}
	named, unusable := servers.Parse(connection)
	if unusable != nil {
		return err
	}
	return TroubledAt(ctx, named, err, named.Addresses...)
}

// TroubledAt is troubled for some servers. It goes by the first of them that may
// be reached later, and says nothing if one can be reached now.
func TroubledAt(ctx context.Context, named *servers.Servers, err error, addresses ...string) error {
	var found error
	for _, address := range addresses {
		trouble := named.Trouble(ctx, address)
		if trouble == nil {
			return err
		}
		if found == nil || domain.KindOf(found) != domain.Unavailable {
			found = trouble
		}
	}
	return domain.Wrap(domain.KindOf(found), err, "%v", found)
}
