package esdbserver

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver/internal/engine"
)

// The streams of users.
const (
	userPrefix  = "$user-"
	usersStream = "$users"
)

// maxUsers bounds a list of users, which is read user by user.
const maxUsers = 10_000

// The users that a new node has.
const (
	adminLogin    = "admin"
	opsLogin      = "ops"
	firstPassword = "changeit" // unless it is told another
)

// The groups that have rights.
const (
	admins   = "$admins"
	ops      = "$ops"
	everyone = "$all"
)

// user is the data of an event of a user's stream. Older nodes wrote the names
// in other cases.
type user struct {
	LoginName string   `json:"loginName"`
	FullName  string   `json:"fullName"`
	Salt      []byte   `json:"salt"`
	Hash      []byte   `json:"hash"`
	Disabled  bool     `json:"disabled,omitempty"`
	Groups    []string `json:"groups"`
}

// storedUser is a user and the event that says so.
type storedUser struct {
	user
	number int64
	at     time.Time
}

// caller is the authenticated user of a call.
type caller struct {
	login  string // empty: anonymous
	groups []string
}

// admin reports whether the caller may do everything with streams.
func (c caller) admin() bool { return c.login == adminLogin || c.in(admins) }

// in reports whether the caller is a member of a group.
func (c caller) in(group string) bool { return c.login != "" && slices.Contains(c.groups, group) }

// users knows those that have a password.
type users struct {
	engine *engine.Engine
	key    []byte        // of the sums in proven
	hashed atomic.Uint64 // passwords, which is what takes time

	mu     sync.Mutex
	proven map[string]provenPassword // by login
}

func newUsers(e *engine.Engine) *users {
	u := &users{engine: e, key: make([]byte, saltBytes), proven: map[string]provenPassword{}}
	_, _ = rand.Read(u.key) // never fails
	return u
}

// begin writes the users that a new node has.
func (u *users) begin(ctx context.Context, password string) error {
	for _, first := range []user{
		{LoginName: adminLogin, FullName: "Event Store Administrator", Groups: []string{admins}},
		{LoginName: opsLogin, FullName: "Event Store Operations", Groups: []string{ops}},
	} {
		last, err := u.engine.LastNumber(ctx, userPrefix+first.LoginName)
		if err == nil && last < 0 {
			err = u.write(ctx, first, password, last)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// write stores a user that there is not, what only administrators may do with
// it, and its name in the list of users. last is the number of the last event
// of its stream: one that was deleted begins again after it.
func (u *users) write(ctx context.Context, of user, password string, last int64) error {
	if err := of.setPassword(password); err != nil {
		return err
	}
	data, err := json.Marshal(of)
	if err != nil {
		return err
	}
	stream := userPrefix + of.LoginName
	only := []byte(`{"$acl":{"$w":"$admins","$d":"$admins","$mw":"$admins"}}`)
	_, err = u.engine.AppendTogether(ctx,
		engine.Write{Stream: engine.MetastreamOf(stream), Expected: engine.Any, Events: []engine.Proposed{
			{ID: freshID(), Type: engine.MetadataType, JSON: true, Data: only},
		}},
		engine.Write{Stream: stream, Expected: engine.Expected(last), Events: []engine.Proposed{
			{ID: freshID(), Type: "$UserCreated", JSON: true, Data: data},
		}},
		engine.Write{Stream: usersStream, Expected: engine.Any, Events: []engine.Proposed{
			{ID: freshID(), Type: "$User", Data: []byte(of.LoginName)},
		}},
	)
	return err
}

func freshID() (id eventlog.EventID) {
	_, _ = rand.Read(id[:]) // never fails
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return id
}

// find reads a user; nil if there is none.
func (u *users) find(ctx context.Context, login string) (*storedUser, error) {
	for r, err := range u.engine.ReadStream(ctx, userPrefix+login, engine.NewestNumber, engine.Span{Backwards: true, Max: 1}) {
		if isGone(err) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		found := storedUser{number: r.Event.Number, at: r.Event.Created}
		if json.Unmarshal(r.Event.Data, &found.user) != nil || found.LoginName != login {
			return nil, nil // a password cannot match
		}
		return &found, nil
	}
	return nil, nil
}

// all reads the users there are, by login.
func (u *users) all(ctx context.Context) ([]*storedUser, error) {
	logins := map[string]bool{}
	for r, err := range u.engine.ReadStream(ctx, usersStream, 0, engine.Span{Max: engine.NewestPosition}) {
		if isGone(err) {
			break
		}
		if err != nil {
			return nil, err
		}
		if r.Event.Type != "$User" {
			continue
		}
		if logins[string(r.Event.Data)] = true; len(logins) > maxUsers {
			return nil, domain.Errorf(domain.Exhausted, "There are more than %d users; ask for one by its login name.", maxUsers)
		}
	}
	var list []*storedUser
	for login := range logins {
		found, err := u.find(ctx, login)
		if err != nil {
			return nil, err
		}
		if found != nil {
			list = append(list, found)
		}
	}
	slices.SortFunc(list, func(a, b *storedUser) int { return strings.Compare(a.LoginName, b.LoginName) })
	return list, nil
}

// isGone reports whether a stream has nothing to read.
func isGone(err error) bool {
	_, missing := errors.AsType[*engine.NotFoundError](err)
	_, ended := errors.AsType[*engine.DeletedError](err)
	return missing || ended
}
