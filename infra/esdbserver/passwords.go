package esdbserver

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // EventStoreDB's form of a password, which a log of it brings along
	"crypto/sha256"
	"crypto/subtle"
)

// How EventStoreDB keeps passwords.
const (
	saltBytes      = 16
	hashBytes      = 20
	hashIterations = 1_000
)

// Limits of authentication.
const (
	// maxProvenPasswords bounds the users whose password was found right and
	// need not be hashed again.
	maxProvenPasswords = 1_024
	// maxLoginBytes bounds a login name: it is part of the name of a stream.
	maxLoginBytes = 256
	// maxPasswordBytes bounds what is hashed; longer ones are no safer.
	maxPasswordBytes = 1_024
)

// provenPassword is one that was found right.
type provenPassword struct {
	caller
	sum    [sha256.Size]byte
	number int64 // of the event that says so: any later one ends it
}

func hash(password string, salt []byte) ([]byte, error) {
	return pbkdf2.Key(sha1.New, password, salt, hashIterations, hashBytes)
}

func (of *user) setPassword(password string) (err error) {
	of.Salt = make([]byte, saltBytes)
	_, _ = rand.Read(of.Salt) // never fails
	of.Hash, err = hash(password, of.Salt)
	return err
}

// has reports whether a user has this password. A nil user has none, and it takes
// as long to say so.
func (u *users) has(of *user, password string) bool {
	u.hashed.Add(1)
	known := of
	if known == nil {
		known = &user{Salt: make([]byte, saltBytes), Hash: make([]byte, hashBytes)}
	}
	given, err := hash(password, known.Salt)
	return subtle.ConstantTimeCompare(given, known.Hash) == 1 && err == nil && of != nil
}

// check returns the user with a login and a password; ok is false if there is none.
// An unknown login, a disabled user and a wrong password take the same time.
func (u *users) check(ctx context.Context, login, password string) (c caller, ok bool, err error) {
	if login == "" || len(login) > maxLoginBytes || len(password) > maxPasswordBytes {
		u.has(nil, "")
		return caller{}, false, nil
	}
	last, err := u.engine.Newest(ctx, userPrefix+login)
	if isGone(err) {
		u.has(nil, password)
		return caller{}, false, nil
	}
	if err != nil {
		return caller{}, false, err
	}
	sum := u.sum(password)
	u.mu.Lock()
	proven := u.proven[login]
	u.mu.Unlock()
	if subtle.ConstantTimeCompare(proven.sum[:], sum[:]) == 1 && proven.number == last && proven.login == login {
		return proven.caller, true, nil
	}
	found, err := u.find(ctx, login)
	if err != nil {
		return caller{}, false, err
	}
	if found == nil {
		u.has(nil, password)
		return caller{}, false, nil
	}
	if !u.has(&found.user, password) || found.Disabled {
		return caller{}, false, nil
	}
	c = caller{login: login, groups: found.Groups}
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, known := u.proven[login]; !known && len(u.proven) >= maxProvenPasswords {
		clear(u.proven)
	}
	u.proven[login] = provenPassword{c, sum, found.number}
	return c, true, nil
}

// sum stands for a password in memory. It is worth nothing to another process.
func (u *users) sum(password string) [sha256.Size]byte {
	return sha256.Sum256(append(u.key[:len(u.key):len(u.key)], password...))
}
