package esdbserver

import (
	"context"
	"encoding/base64"
	"strings"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"orderflow/infra/esdbserver/internal/engine"
)

// action is an operation on a stream that rights are checked for.
type action uint8

const (
	read action = iota
	write
	remove
	readMeta
	writeMeta
)

// allStream is the name under which everything is read.
const allStream = "$all"

type callerKey struct{}

// recognize authenticates the caller. An insecure node authenticates no callers.
func (s *Server) recognize(ctx context.Context) (context.Context, error) {
	if s.options.Insecure {
		return ctx, nil
	}
	headers := metadata.ValueFromIncomingContext(ctx, "authorization")
	if len(headers) == 0 {
		return ctx, nil
	}
	login, password, ok := basic(headers[0])
	if !ok {
		return ctx, status.Error(codes.Unauthenticated, "The node supports Basic authentication only.")
	}
	c, ok, err := s.users.check(ctx, login, password)
	switch {
	case err != nil:
		return ctx, s.fail(ctx, err)
	case !ok:
		return ctx, status.Error(codes.Unauthenticated, "Invalid username or password.")
	}
	return context.WithValue(ctx, callerKey{}, c), nil
}

// basic reads the header of Basic authentication.
func basic(header string) (login, password string, ok bool) {
	const scheme = "basic "
	if len(header) < len(scheme) || !strings.EqualFold(header[:len(scheme)], scheme) {
		return "", "", false
	}
	text, err := base64.StdEncoding.DecodeString(strings.TrimSpace(header[len(scheme):]))
	if err != nil {
		return "", "", false
	}
	return strings.Cut(string(text), ":")
}

// may returns the error to answer with if the caller may not do a with the stream.
func (s *Server) may(ctx context.Context, a action, stream string) error {
	if stream == allStream && (a == write || a == remove) { // $all is read-only
		return denied(ctx)
	}
	ok, err := s.allows(ctx, a, stream)
	switch {
	case err != nil:
		return s.fail(ctx, err)
	case !ok:
		return denied(ctx)
	}
	return nil
}

// allows reports whether the caller may do a with the stream.
func (s *Server) allows(ctx context.Context, a action, stream string) (bool, error) {
	if s.options.Insecure {
		return true, nil
	}
	c := callerOf(ctx)
	if c.login == "" || a == remove && engine.IsMetastream(stream) { // anonymous callers may do nothing; metastreams cannot be removed
		return false, nil
	}
	if c.admin() {
		return true, nil
	}
	if engine.IsMetastream(stream) {
		stream = stream[len("$$"):]
		if a == read {
			a = readMeta
		} else {
			a = writeMeta
		}
	}
	roles, err := s.roles(ctx, a, stream)
	for _, role := range roles {
		if role == everyone || role == c.login || c.in(role) {
			return true, nil
		}
	}
	return false, err
}

// callerOf returns the authenticated caller of a context; the zero value is an
// anonymous one.
func callerOf(ctx context.Context) caller {
	c, _ := ctx.Value(callerKey{}).(caller)
	return c
}

// unveiled removes the target of a link if the caller may not read it. Otherwise
// any caller with the right to write links could read every stream.
func (s *Server) unveiled(ctx context.Context, r engine.Resolved) (engine.Resolved, error) {
	if s.options.Insecure || r.Link == nil || r.Event == nil {
		return r, nil
	}
	ok, err := s.allows(ctx, read, r.Event.Stream)
	if !ok {
		r.Event = nil
	}
	return r, err
}

func denied(ctx context.Context) error {
	return failed(ctx, codes.PermissionDenied, "Access Denied", "access-denied")
}

// mayManage reports whether the caller may look after the node and its groups.
func (s *Server) mayManage(ctx context.Context) error {
	c := callerOf(ctx)
	if s.options.Insecure || c.admin() || c.login == opsLogin || c.in(ops) {
		return nil
	}
	return denied(ctx)
}

// mayAdminister reports whether the caller may change users.
func (s *Server) mayAdminister(ctx context.Context) error {
	if s.options.Insecure || callerOf(ctx).in(admins) {
		return nil
	}
	return denied(ctx)
}

// mayBe reports whether the caller is the user with this login, or an administrator.
func (s *Server) mayBe(ctx context.Context, login string) error {
	if login != "" && callerOf(ctx).login == login {
		return nil
	}
	return s.mayAdminister(ctx)
}

// roles returns those who may do something: what the stream says, else what
// $settings says, else everybody with a user's stream and administrators with
// the system's.
func (s *Server) roles(ctx context.Context, a action, stream string) ([]string, error) {
	m, err := s.engine.Metadata(ctx, stream)
	if err != nil {
		return nil, err
	}
	if roles := rolesOf(m.ACL, a); roles != nil {
		return roles, nil
	}
	defaults, err := s.defaults.get(ctx, s.engine)
	if err != nil {
		return nil, err
	}
	of, last := defaults.User, everyone
	if strings.HasPrefix(stream, "$") {
		of, last = defaults.System, admins
	}
	if roles := rolesOf(of, a); roles != nil {
		return roles, nil
	}
	return []string{last}, nil
}

// rolesOf is one list of an ACL; nil if nothing is set.
func rolesOf(acl *engine.ACL, a action) []string {
	if acl == nil {
		return nil
	}
	switch a {
	case read:
		return acl.Read
	case write:
		return acl.Write
	case remove:
		return acl.Delete
	case readMeta:
		return acl.MetaRead
	default:
		return acl.MetaWrite
	}
}

// defaults remembers $settings until something of its kind was written.
type defaults struct {
	mu     sync.Mutex
	valid  bool
	writes uint64
	acls   engine.DefaultACLs
}

func (d *defaults) get(ctx context.Context, e *engine.Engine) (engine.DefaultACLs, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	writes := e.MetadataWrites() // before looking
	if d.valid && d.writes == writes {
		return d.acls, nil
	}
	acls := engine.DefaultACLs{}
	for r, err := range e.ReadStream(ctx, engine.SettingsStream, engine.NewestNumber, engine.Span{Backwards: true, Max: 1}) {
		if isGone(err) {
			break
		}
		if err != nil {
			return acls, err
		}
		acls = engine.ParseSettings(r.Event.Data)
	}
	d.valid, d.writes, d.acls = true, writes, acls
	return acls, nil
}
