package strict

import (
	"context"
	"crypto/rand"

	"orderflow/infra/esdbserver/userclient"
	"orderflow/infra/esdbserver/userspb"
)

// as makes a user of groups with the name of the question's stream, has it do
// something and deletes it.
func as(groups []string, do func(ctx context.Context, s, user *Session) (string, error)) func(context.Context, *Session) (string, error) {
	return func(ctx context.Context, s *Session) (answer string, err error) {
		password := rand.Text()
		if _, err := userspb.NewUsersClient(s.conn).Create(ctx, &userspb.CreateReq{Options: &userspb.CreateReq_Options{
			LoginName: s.stream, Password: password, FullName: "a question of orderflow", Groups: groups,
		}}); err != nil {
			return "", err
		}
		defer func() {
			ctx, cancel := s.clearing(ctx)
			defer cancel()
			_, _ = userspb.NewUsersClient(s.conn).Delete(ctx, &userspb.DeleteReq{Options: &userspb.DeleteReq_Options{LoginName: s.stream}})
		}()
		conn, err := s.as(s.stream, password)
		if err != nil {
			return "", err
		}
		defer func() { _ = conn.Close() }()
		return do(ctx, s, newSession(conn, s.stream))
	}
}

// ofAll reads the newest event of the question's stream in $all.
func ofAll(ctx context.Context, s *Session) string {
	return types(s.read(ctx, reading(newest, newest, backwards, matching("", s.stream))))
}

func users() []Question {
	const part = "users"
	readsAll := func(ctx context.Context, s, user *Session) (string, error) {
		if _, err := s.must(ctx, s.stream, named("a")...); err != nil {
			return "", err
		}
		return ofAll(ctx, user), nil
	}
	return []Question{
		{Part: part, Asked: "a user of no group reads $all", Real: denied, Users: true, Ask: as(nil, readsAll)},
		{Part: part, Asked: "a user of $ops reads $all", Real: denied, Users: true, Ask: as([]string{"$ops"}, readsAll)},
		{
			Part: part, Asked: "a user of no group reads $all, whose metadata names it", Real: "[a]", Users: true, Harmful: true, // the metadata of $all is everybody's
			Ask: as(nil, func(ctx context.Context, s, user *Session) (string, error) {
				rights := userclient.On("", s.conn)
				if _, err := rights.Grant(ctx, s.stream); err != nil {
					return "", err
				}
				defer func() {
					ctx, cancel := s.clearing(ctx)
					defer cancel()
					_, _ = rights.Revoke(ctx, s.stream)
				}()
				return readsAll(ctx, s, user)
			}),
		},
		{
			Part: part, Asked: "a user of no group appends to a stream and reads it", Real: "[a]", Users: true,
			Ask: as(nil, func(ctx context.Context, s, user *Session) (string, error) {
				if answer := appended(user.append(ctx, s.stream, noStream, named("a")...)); answer != "taken" {
					return answer, nil
				}
				s.wrote(s.stream)
				return types(user.read(ctx, reading(0, 0, of(s.stream)))), nil
			}),
		},
		{
			Part: part, Asked: "a user of no group reads a stream of the system", Real: denied, Users: true,
			Ask: as(nil, func(ctx context.Context, s, user *Session) (string, error) {
				if _, err := s.must(ctx, "$"+s.stream, named("a")...); err != nil {
					return "", err
				}
				return types(user.read(ctx, reading(0, 0, of("$"+s.stream)))), nil
			}),
		},
	}
}
