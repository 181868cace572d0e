package userclient

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"

	"orderflow/domain"
	"orderflow/infra/esdbserver/userspb"
)

// User is a user as the server describes it.
type User struct {
	Login    string
	FullName string
	Groups   []string // those with rights are $admins and $ops
	Disabled bool
	Changed  time.Time // the zero value if it does not say
}

// ticksPerSecond are the steps of 100 ns that the wire counts from 1970.
const ticksPerSecond = 10_000_000

// Add makes a user. One that exists with this password and these groups is no
// error; with others, or disabled, it is Conflict.
func (c *Client) Add(ctx context.Context, u User, password string) error {
	if err := c.create(ctx, u, password); err != nil {
		return err
	}
	all, err := c.List(ctx)
	if err != nil {
		return err
	}
	for _, there := range all { // a server takes a second user of the same login and password for the first
		switch {
		case there.Login != u.Login:
		case there.Disabled:
			return domain.Errorf(domain.Conflict, "The user %s exists and is disabled; let it in again with `orderflow eventstore user enable %s`.", u.Login, u.Login)
		case !sameGroups(there.Groups, u.Groups):
			return domain.Errorf(domain.Conflict, "The user %s exists in other groups: it is in %s, not in %s. Remove it with `orderflow eventstore user rm %s` and add it again.",
				u.Login, groupNames(there.Groups), groupNames(u.Groups), u.Login)
		}
	}
	return nil
}

func sameGroups(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(slices.Compact(a), slices.Compact(b))
}

func groupNames(groups []string) string {
	return cmp.Or(strings.Join(groups, ", "), "none")
}

func (c *Client) create(ctx context.Context, u User, password string) error {
	return c.ask(ctx, func(ctx context.Context, conn grpc.ClientConnInterface) error {
		_, err := userspb.NewUsersClient(conn).Create(ctx, &userspb.CreateReq{Options: &userspb.CreateReq_Options{
			LoginName: u.Login, Password: password, FullName: u.FullName, Groups: u.Groups,
		}})
		return err
	})
}

// List returns all users, by login name.
func (c *Client) List(ctx context.Context) (all []User, err error) {
	err = c.ask(ctx, func(ctx context.Context, conn grpc.ClientConnInterface) error {
		all = nil
		stream, err := userspb.NewUsersClient(conn).Details(ctx, &userspb.DetailsReq{})
		if err != nil {
			return err
		}
		for {
			answer, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			d := answer.GetUserDetails()
			u := User{Login: d.GetLoginName(), FullName: d.GetFullName(), Groups: d.GetGroups(), Disabled: d.GetDisabled()}
			if ticks := d.GetLastUpdated().GetTicksSinceEpoch(); ticks > 0 {
				u.Changed = time.Unix(ticks/ticksPerSecond, ticks%ticksPerSecond*100).UTC()
			}
			all = append(all, u)
		}
	})
	return all, err
}

// SetPassword gives a user another password: an administrator anybody, any
// other user itself.
func (c *Client) SetPassword(ctx context.Context, login, password string) error {
	return c.ask(ctx, func(ctx context.Context, conn grpc.ClientConnInterface) error {
		users := userspb.NewUsersClient(conn)
		if login == c.login {
			_, err := users.ChangePassword(ctx, &userspb.ChangePasswordReq{Options: &userspb.ChangePasswordReq_Options{
				LoginName: login, CurrentPassword: c.password, NewPassword: password,
			}})
			return err
		}
		_, err := users.ResetPassword(ctx, &userspb.ResetPasswordReq{Options: &userspb.ResetPasswordReq_Options{LoginName: login, NewPassword: password}})
		return err
	})
}

// Disable keeps a user out: its next call is refused, one under way goes on.
func (c *Client) Disable(ctx context.Context, login string) error {
	return c.ask(ctx, func(ctx context.Context, conn grpc.ClientConnInterface) error {
		_, err := userspb.NewUsersClient(conn).Disable(ctx, &userspb.DisableReq{Options: &userspb.DisableReq_Options{LoginName: login}})
		return err
	})
}

// Enable lets a user in again.
func (c *Client) Enable(ctx context.Context, login string) error {
	return c.ask(ctx, func(ctx context.Context, conn grpc.ClientConnInterface) error {
		_, err := userspb.NewUsersClient(conn).Enable(ctx, &userspb.EnableReq{Options: &userspb.EnableReq_Options{LoginName: login}})
		return err
	})
}

// Remove deletes a user. Rights that were given to its login name stay.
func (c *Client) Remove(ctx context.Context, login string) error {
	return c.ask(ctx, func(ctx context.Context, conn grpc.ClientConnInterface) error {
		_, err := userspb.NewUsersClient(conn).Delete(ctx, &userspb.DeleteReq{Options: &userspb.DeleteReq_Options{LoginName: login}})
		return err
	})
}
