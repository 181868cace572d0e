package esdbserver

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"orderflow/domain"
	"orderflow/infra/esdbserver/internal/engine"
)

// The stream that announces changes of users to the nodes of a cluster and to other
// subscribers.
const (
	notificationsStream = "$users-password-notifications"
	notificationsAge    = time.Hour // as EventStoreDB keeps them
)

// Limits of a user.
const (
	maxFullNameBytes = 1_024
	maxUserGroups    = 64 // each is compared with each role of a list of rights
	maxGroupBytes    = maxLoginBytes
)

// userError says why a user was not changed.
type userError struct {
	exception string // as EventStoreDB names it
	login     string
}

func (e *userError) Error() string { return e.exception + ": " + e.login }

// The reasons of a userError.
const (
	userNotFound  = "user-not-found"
	userConflict  = "user-conflict"
	wrongPassword = "wrong-password"
)

// create makes a user. One that exists with the same password is no error, so
// that a request can be repeated.
func (u *users) create(ctx context.Context, of user, password string) error {
	if err := checkUser(of, password); err != nil {
		return err
	}
	found, err := u.find(ctx, of.LoginName)
	switch {
	case err != nil:
		return err
	case found != nil && u.has(&found.user, password):
		return nil
	case found != nil:
		return &userError{userConflict, of.LoginName}
	}
	last, err := u.engine.LastNumber(ctx, userPrefix+of.LoginName)
	if err == nil {
		err = u.write(ctx, of, password, last)
	}
	return conflict(err, of.LoginName)
}

// update sets the full name and the groups.
func (u *users) update(ctx context.Context, login, fullName string, groups []string) error {
	if err := checkNames(fullName, groups); err != nil {
		return err
	}
	return u.change(ctx, login, func(of *user) error {
		of.FullName, of.Groups = fullName, groups
		return nil
	})
}

// enable lets a user in, or keeps it out.
func (u *users) enable(ctx context.Context, login string, enabled bool) error {
	return u.change(ctx, login, func(of *user) error {
		of.Disabled = !enabled
		return nil
	})
}

// resetPassword sets another password.
func (u *users) resetPassword(ctx context.Context, login, password string) error {
	if err := checkPassword(password); err != nil {
		return err
	}
	return u.change(ctx, login, func(of *user) error { return of.setPassword(password) })
}

// changePassword sets another password for who knows the one there is.
func (u *users) changePassword(ctx context.Context, login, current, password string) error {
	if err := checkPassword(password); err != nil {
		return err
	}
	return u.change(ctx, login, func(of *user) error {
		if !u.has(of, current) {
			return &userError{wrongPassword, login}
		}
		return of.setPassword(password)
	})
}

// remove ends a user; another one may be made with the login.
func (u *users) remove(ctx context.Context, login string) error {
	found, err := u.find(ctx, login)
	if err != nil {
		return err
	}
	if found == nil {
		return &userError{userNotFound, login}
	}
	if _, err := u.engine.Delete(ctx, userPrefix+login, engine.Expected(found.number)); err != nil {
		return conflict(err, login)
	}
	notifications, err := u.notifications(ctx, login)
	if err == nil {
		_, err = u.engine.AppendTogether(ctx, notifications...)
	}
	return err
}

// change reads a user, changes it, and writes it with an optimistic append.
func (u *users) change(ctx context.Context, login string, change func(*user) error) error {
	found, err := u.find(ctx, login)
	if err != nil {
		return err
	}
	if found == nil {
		return &userError{userNotFound, login}
	}
	if err := change(&found.user); err != nil {
		return err
	}
	data, err := json.Marshal(found.user)
	if err != nil {
		return err
	}
	writes, err := u.notifications(ctx, login)
	if err != nil {
		return err
	}
	_, err = u.engine.AppendTogether(ctx, append(writes, engine.Write{
		Stream: userPrefix + login, Expected: engine.Expected(found.number),
		Events: []engine.Proposed{{ID: freshID(), Type: "$UserUpdated", JSON: true, Data: data}},
	})...)
	return conflict(err, login)
}

// notifications returns the writes that announce a change of a user.
func (u *users) notifications(ctx context.Context, login string) ([]engine.Write, error) {
	data, err := json.Marshal(map[string]string{"loginName": login})
	if err != nil {
		return nil, err
	}
	writes := []engine.Write{{Stream: notificationsStream, Expected: engine.Any, Events: []engine.Proposed{
		{ID: freshID(), Type: "$PasswordChanged", JSON: true, Data: data},
	}}}
	m, err := u.engine.Metadata(ctx, notificationsStream)
	if err != nil || m.MaxAge > 0 {
		return writes, err
	}
	kept, err := json.Marshal(map[string]int64{"$maxAge": int64(notificationsAge / time.Second)})
	return append(writes, engine.Write{Stream: engine.MetastreamOf(notificationsStream), Expected: engine.Any, Events: []engine.Proposed{
		{ID: freshID(), Type: engine.MetadataType, JSON: true, Data: kept},
	}}), err
}

// conflict is the error for a concurrent change of the user, or that its
// stream was ended for ever.
func conflict(err error, login string) error {
	_, wrong := errors.AsType[*engine.WrongExpectedError](err)
	_, ended := errors.AsType[*engine.DeletedError](err)
	if wrong || ended {
		return &userError{userConflict, login}
	}
	return err
}

func checkUser(of user, password string) error {
	switch {
	case of.LoginName == "" || len(of.LoginName) > maxLoginBytes:
		return domain.Errorf(domain.Invalid, "A login name has 1 to %d bytes.", maxLoginBytes)
	case !plain(of.LoginName) || strings.Contains(of.LoginName, ":"):
		return domain.Errorf(domain.Invalid, "A login name has no colon, which ends it in a request, and no control characters.")
	}
	if err := checkNames(of.FullName, of.Groups); err != nil {
		return err
	}
	return checkPassword(password)
}

func checkNames(fullName string, groups []string) error {
	if len(fullName) > maxFullNameBytes || !plain(fullName) {
		return domain.Errorf(domain.Invalid, "A full name has at most %d bytes and no control characters.", maxFullNameBytes)
	}
	if len(groups) > maxUserGroups {
		return domain.Errorf(domain.Invalid, "A user is in at most %d groups.", maxUserGroups)
	}
	for _, group := range groups {
		if group == "" || len(group) > maxGroupBytes || !plain(group) {
			return domain.Errorf(domain.Invalid, "The name of a group has 1 to %d bytes and no control characters.", maxGroupBytes)
		}
	}
	return nil
}

func checkPassword(password string) error {
	if password == "" || len(password) > maxPasswordBytes {
		return domain.Errorf(domain.Invalid, "A password has 1 to %d bytes.", maxPasswordBytes)
	}
	return nil
}

// plain reports whether a name can be shown and sent.
func plain(name string) bool {
	return utf8.ValidString(name) && strings.IndexFunc(name, unicode.IsControl) < 0
}
