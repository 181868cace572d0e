package userclient

import (
	"context"
	"errors"
	"io"
	"time"

	"google.golang.org/grpc"

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

// Add makes a user. One that exists with this password is no error; with
// another one it is Conflict.
func (c *Client) Add(ctx context.Context, u User, password string) error {
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
