package esdbserver_test

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"orderflow/infra/esdbserver/operationspb"
	"orderflow/infra/esdbserver/userspb"
)

// services are those of a node with TLS that the official Go client does not have.
type services struct {
	users      userspb.UsersClient
	operations operationspb.OperationsClient
}

// services returns clients of the node's own services.
func (n node) services(t testing.TB) services {
	t.Helper()
	conn, err := grpc.NewClient(n.address, grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{InsecureSkipVerify: true}))) //nolint:gosec // our own node, on the loopback
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return services{userspb.NewUsersClient(conn), operationspb.NewOperationsClient(conn)}
}

// by returns a context that says who calls, as login:password; "" is nobody.
func by(t testing.TB, who string) context.Context {
	t.Helper()
	if who == "" {
		return ctx(t)
	}
	return metadata.AppendToOutgoingContext(ctx(t), "authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(who)))
}

const root = "admin:changeit"

// person makes a user of these groups, with the password secret.
func (s services) person(t testing.TB, login string, groups ...string) {
	t.Helper()
	if _, err := s.users.Create(by(t, root), &userspb.CreateReq{Options: &userspb.CreateReq_Options{
		LoginName: login, Password: "secret", FullName: "Full " + login, Groups: groups,
	}}); err != nil {
		t.Fatal(err)
	}
}

// details returns those of one user, or of all.
func (s services) details(c context.Context, login string, o ...grpc.CallOption) (all []*userspb.DetailsResp_UserDetails, err error) {
	stream, err := s.users.Details(c, &userspb.DetailsReq{Options: &userspb.DetailsReq_Options{LoginName: login}}, o...)
	if err != nil {
		return nil, err
	}
	for {
		answer, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all = append(all, answer.GetUserDetails())
	}
}

// change is a method of the users service for the user login.
type change func(c context.Context, login string, o ...grpc.CallOption) error

// changes returns the methods that change a user, by name.
func (s services) changes() map[string]change {
	return map[string]change{
		"create": func(c context.Context, login string, o ...grpc.CallOption) error {
			_, err := s.users.Create(c, &userspb.CreateReq{Options: &userspb.CreateReq_Options{LoginName: login, Password: "other"}}, o...)
			return err
		},
		"update": func(c context.Context, login string, o ...grpc.CallOption) error {
			_, err := s.users.Update(c, &userspb.UpdateReq{Options: &userspb.UpdateReq_Options{LoginName: login, FullName: "New", Groups: []string{"g"}}}, o...)
			return err
		},
		"delete": func(c context.Context, login string, o ...grpc.CallOption) error {
			_, err := s.users.Delete(c, &userspb.DeleteReq{Options: &userspb.DeleteReq_Options{LoginName: login}}, o...)
			return err
		},
		"disable": func(c context.Context, login string, o ...grpc.CallOption) error {
			_, err := s.users.Disable(c, &userspb.DisableReq{Options: &userspb.DisableReq_Options{LoginName: login}}, o...)
			return err
		},
		"enable": func(c context.Context, login string, o ...grpc.CallOption) error {
			_, err := s.users.Enable(c, &userspb.EnableReq{Options: &userspb.EnableReq_Options{LoginName: login}}, o...)
			return err
		},
		"change password": func(c context.Context, login string, o ...grpc.CallOption) error {
			_, err := s.users.ChangePassword(c, &userspb.ChangePasswordReq{Options: &userspb.ChangePasswordReq_Options{
				LoginName: login, CurrentPassword: "secret", NewPassword: "other",
			}}, o...)
			return err
		},
		"reset password": func(c context.Context, login string, o ...grpc.CallOption) error {
			_, err := s.users.ResetPassword(c, &userspb.ResetPasswordReq{Options: &userspb.ResetPasswordReq_Options{LoginName: login, NewPassword: "other"}}, o...)
			return err
		},
	}
}

// refused demands an answer with a code, an exception, and what it is about.
func refused(t testing.TB, what string, err error, trailers metadata.MD, code codes.Code, exception string, about ...string) {
	t.Helper()
	got := trailers.Get("exception")
	if status.Code(err) != code || len(got) != 1 || got[0] != exception {
		t.Errorf("%s: %v with exception %q, want %v with %q", what, err, got, code, exception)
	}
	if len(about) == 2 {
		if got := trailers.Get(about[0]); len(got) != 1 || got[0] != about[1] {
			t.Errorf("%s: %s is %q", what, about[0], got)
		}
	}
}
