package esdbserver

import (
	"context"
	"errors"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"orderflow/infra/esdbserver/userspb"
)

// trailerLogin names the user that an error is about.
const trailerLogin = "login-name"

// usersService is the service of users: administrators may do everything,
// a user may read its own details and change its own password.
type usersService struct {
	userspb.UnimplementedUsersServer
	*Server
}

// named is a request that names a user.
type named interface{ GetLoginName() string }

// administer does what only administrators may do. A request without a login
// name is refused.
func (s *usersService) administer(ctx context.Context, o named, do func() error) error {
	if err := s.mayAdminister(ctx); err != nil {
		return err
	}
	if o.GetLoginName() == "" {
		return invalid("The request names no user.")
	}
	return s.answer(ctx, do())
}

// answer turns an error about a user into what a client gets.
func (s *usersService) answer(ctx context.Context, err error) error {
	e, ok := errors.AsType[*userError](err)
	if !ok {
		return s.fail(ctx, err)
	}
	switch e.exception {
	case userNotFound:
		return failed(ctx, codes.NotFound, "User '"+printable(e.login)+"' is not found.", e.exception, trailerLogin, e.login)
	case userConflict:
		return failed(ctx, codes.FailedPrecondition, "Conflict.", e.exception, trailerLogin, e.login)
	default:
		return denied(ctx)
	}
}

// Create implements the service.
func (s *usersService) Create(ctx context.Context, request *userspb.CreateReq) (*userspb.CreateResp, error) {
	o := request.GetOptions()
	return &userspb.CreateResp{}, s.administer(ctx, o, func() error {
		return s.users.create(ctx, user{LoginName: o.GetLoginName(), FullName: o.GetFullName(), Groups: listed(o.GetGroups())}, o.GetPassword())
	})
}

// Update implements the service. The password of the request is not used, as in EventStoreDB.
func (s *usersService) Update(ctx context.Context, request *userspb.UpdateReq) (*userspb.UpdateResp, error) {
	o := request.GetOptions()
	return &userspb.UpdateResp{}, s.administer(ctx, o, func() error {
		return s.users.update(ctx, o.GetLoginName(), o.GetFullName(), listed(o.GetGroups()))
	})
}

// Delete implements the service.
func (s *usersService) Delete(ctx context.Context, request *userspb.DeleteReq) (*userspb.DeleteResp, error) {
	o := request.GetOptions()
	return &userspb.DeleteResp{}, s.administer(ctx, o, func() error { return s.users.remove(ctx, o.GetLoginName()) })
}

// Disable implements the service. Calls under way go on: who calls is found out
// when a call begins, here as in EventStoreDB.
func (s *usersService) Disable(ctx context.Context, request *userspb.DisableReq) (*userspb.DisableResp, error) {
	o := request.GetOptions()
	return &userspb.DisableResp{}, s.administer(ctx, o, func() error { return s.users.enable(ctx, o.GetLoginName(), false) })
}

// Enable implements the service.
func (s *usersService) Enable(ctx context.Context, request *userspb.EnableReq) (*userspb.EnableResp, error) {
	o := request.GetOptions()
	return &userspb.EnableResp{}, s.administer(ctx, o, func() error { return s.users.enable(ctx, o.GetLoginName(), true) })
}

// ResetPassword implements the service.
func (s *usersService) ResetPassword(ctx context.Context, request *userspb.ResetPasswordReq) (*userspb.ResetPasswordResp, error) {
	o := request.GetOptions()
	return &userspb.ResetPasswordResp{}, s.administer(ctx, o, func() error {
		return s.users.resetPassword(ctx, o.GetLoginName(), o.GetNewPassword())
	})
}

// ChangePassword implements the service.
func (s *usersService) ChangePassword(ctx context.Context, request *userspb.ChangePasswordReq) (*userspb.ChangePasswordResp, error) {
	o := request.GetOptions()
	if err := s.mayBe(ctx, o.GetLoginName()); err != nil {
		return nil, err
	}
	return &userspb.ChangePasswordResp{}, s.answer(ctx,
		s.users.changePassword(ctx, o.GetLoginName(), o.GetCurrentPassword(), o.GetNewPassword()))
}

// Details implements the service: of one user, or of all by login.
func (s *usersService) Details(request *userspb.DetailsReq, stream grpc.ServerStreamingServer[userspb.DetailsResp]) error {
	ctx, login := stream.Context(), request.GetOptions().GetLoginName()
	if err := s.mayBe(ctx, login); err != nil {
		return err
	}
	list, err := s.details(ctx, login)
	if err != nil {
		return s.answer(ctx, err)
	}
	for _, of := range list {
		if err := stream.Send(&userspb.DetailsResp{UserDetails: &userspb.DetailsResp_UserDetails{
			LoginName: of.LoginName, FullName: of.FullName, Groups: of.Groups, Disabled: of.Disabled,
			LastUpdated: &userspb.DetailsResp_UserDetails_DateTime{TicksSinceEpoch: ticks(of.at)},
		}}); err != nil {
			return err
		}
	}
	return nil
}

func (s *usersService) details(ctx context.Context, login string) ([]*storedUser, error) {
	if login == "" {
		return s.users.all(ctx)
	}
	found, err := s.users.find(ctx, login)
	if err == nil && found == nil {
		err = &userError{userNotFound, login}
	}
	return []*storedUser{found}, err
}

// listed returns a list that is stored as one, empty or not.
func listed(groups []string) []string { return append([]string{}, groups...) }
