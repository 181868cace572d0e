package esdbserver

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // EventStoreDB's form of a password, which a log of it brings along
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"sync"

	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver/engine"
)

// How EventStoreDB keeps passwords.
const (
	saltBytes      = 16
	hashBytes      = 20
	hashIterations = 1_000
)

// Limits of authentication.
const (
	// maxKnownPasswords bounds the passwords that were found right and need not
	// be hashed again.
	maxKnownPasswords = 1_024
	maxLoginBytes     = 256
)

// The streams of users.
const (
	userPrefix  = "$user-"
	usersStream = "$users"
)

// firstPassword is that of the users that a new node has, unless it is told another.
const firstPassword = "changeit"

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

// caller is who makes a call.
type caller struct {
	login  string // empty: nobody knows
	groups []string
}

// users knows those that have a password.
type users struct {
	engine *engine.Engine

	mu    sync.Mutex
	known map[[sha256.Size]byte]knownUser // by what the client sent
}

type knownUser struct {
	caller
	number int64 // of the event that says so
}

func newUsers(e *engine.Engine) *users {
	return &users{engine: e, known: map[[sha256.Size]byte]knownUser{}}
}

// begin writes the users that a new node has.
func (u *users) begin(ctx context.Context, password string) error {
	for _, first := range []user{
		{LoginName: "admin", FullName: "Event Store Administrator", Groups: []string{admins}},
		{LoginName: "ops", FullName: "Event Store Operations", Groups: []string{ops}},
	} {
		last, err := u.engine.LastNumber(ctx, userPrefix+first.LoginName)
		if err == nil && last < 0 {
			err = u.create(ctx, first, password)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// create writes a user, what only administrators may do with it, and its name
// in the list of users.
func (u *users) create(ctx context.Context, of user, password string) error {
	of.Salt = make([]byte, saltBytes)
	_, _ = rand.Read(of.Salt) // never fails
	var err error
	if of.Hash, err = hash(password, of.Salt); err != nil {
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
		engine.Write{Stream: stream, Expected: engine.NoStream, Events: []engine.Proposed{
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

func hash(password string, salt []byte) ([]byte, error) {
	return pbkdf2.Key(sha1.New, password, salt, hashIterations, hashBytes)
}

// check says who has a login and a password; ok is false if nobody has.
func (u *users) check(ctx context.Context, login, password string) (c caller, ok bool, err error) {
	if login == "" || len(login) > maxLoginBytes {
		return caller{}, false, nil
	}
	stream := userPrefix + login
	last, err := u.engine.Newest(ctx, stream)
	if isGone(err) {
		return caller{}, false, nil
	}
	if err != nil {
		return caller{}, false, err
	}
	sent := sha256.Sum256([]byte(login + "\x00" + password))
	u.mu.Lock()
	known, ok := u.known[sent]
	u.mu.Unlock()
	if ok && known.number == last {
		return known.caller, true, nil
	}
	found, at, err := u.find(ctx, stream)
	if err != nil || found == nil || found.Disabled {
		return caller{}, false, err
	}
	given, err := hash(password, found.Salt)
	if err != nil || subtle.ConstantTimeCompare(given, found.Hash) != 1 {
		return caller{}, false, err
	}
	c = caller{login: login, groups: found.Groups}
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.known) >= maxKnownPasswords {
		clear(u.known)
	}
	u.known[sent] = knownUser{c, at}
	return c, true, nil
}

// find reads the newest event of a user's stream; nil if there is none.
func (u *users) find(ctx context.Context, stream string) (*user, int64, error) {
	for r, err := range u.engine.ReadStream(ctx, stream, engine.NewestNumber, engine.Span{Backwards: true, Max: 1}) {
		if isGone(err) {
			return nil, 0, nil
		}
		if err != nil {
			return nil, 0, err
		}
		var found user
		if json.Unmarshal(r.Event.Data, &found) != nil {
			return nil, 0, nil // nobody can have its password
		}
		return &found, r.Event.Number, nil
	}
	return nil, 0, nil
}

// isGone says that a stream has nothing to read.
func isGone(err error) bool {
	_, missing := errors.AsType[*engine.NotFoundError](err)
	_, ended := errors.AsType[*engine.DeletedError](err)
	return missing || ended
}
