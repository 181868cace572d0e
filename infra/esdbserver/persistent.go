package esdbserver

import (
	"context"
	"errors"
	"sync"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/persistent"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"orderflow/infra/esdbserver/internal/engine"
	"orderflow/infra/esdbserver/internal/groups"
)

// The trailers that only persistent subscriptions have.
const (
	trailerGroup  = "group-name"
	trailerReason = "reason"
)

// persistentService is the service of persistent subscriptions.
type persistentService struct {
	persistent.UnimplementedPersistentSubscriptionsServer
	*Server

	mu     sync.Mutex
	opened *groups.Groups
	closed bool
}

// registerPersistent adds the service of persistent subscriptions and starts
// the groups there are.
func (s *Server) registerPersistent(registrar *grpc.Server) {
	s.persistent = &persistentService{Server: s}
	persistent.RegisterPersistentSubscriptionsServer(registrar, s.persistent)
	if s.options.Cluster != nil {
		return // the first request to the leader starts them
	}
	if _, err := s.persistent.groups(context.Background()); err != nil {
		s.logger.Error("persistent subscriptions do not run; the next request about them will try again", "error", err)
	}
}

// closePersistent ends what that service has running, before calls are drained.
func (s *Server) closePersistent() {
	p := s.persistent
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.opened != nil {
		p.opened.Close()
	}
}

// groups returns the persistent subscriptions of the node. It reads their
// configuration at the first call: streams can be used even if that fails.
func (p *persistentService) groups(ctx context.Context) (*groups.Groups, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return nil, &groups.Error{Kind: groups.Closed}
	case p.opened != nil:
		return p.opened, nil
	}
	var err error
	p.opened, err = groups.Open(ctx, p.engine, groups.Options{Compile: compileFilter, Logger: p.logger})
	return p.opened, err
}

// compileFilter makes a question of a filter. What cannot be told, because the
// expression takes too long, is delivered: nothing may be lost to a filter.
func compileFilter(g groups.Filter) (engine.Filter, error) {
	f, err := newFilter(g.EventType, storedExpression(g))
	if err != nil {
		return nil, errors.New(status.Convert(err).Message())
	}
	return func(e *engine.Event) bool {
		asked, untold := *f, false
		asked.broken = func(error) { untold = true }
		return asked.match()(e) || untold
	}, nil
}

type storedExpression groups.Filter

func (e storedExpression) GetRegex() string    { return e.Regex }
func (e storedExpression) GetPrefix() []string { return e.Prefixes }

// answer turns an error about a group into what a client gets.
func (p *persistentService) answer(ctx context.Context, err error) error {
	e, ok := errors.AsType[*groups.Error](err)
	if !ok {
		return p.fail(ctx, err)
	}
	what := "Subscription group " + printable(e.Key.Group) + " on stream " + printable(e.Key.Stream)
	names := []string{trailerStream, e.Key.Stream, trailerGroup, e.Key.Group}
	switch e.Kind {
	case groups.NotFound:
		return failed(ctx, codes.NotFound, what+" does not exist.", "persistent-subscription-does-not-exist", names...)
	case groups.Exists:
		return failed(ctx, codes.AlreadyExists, what+" exists.", "persistent-subscription-exists", names...)
	case groups.TooManyClients:
		return failed(ctx, codes.FailedPrecondition, "Maximum subscriptions reached for "+what+".", "maximum-subscribers-reached", names...)
	case groups.Dropped:
		return failed(ctx, codes.Canceled, what+" was dropped.", "persistent-subscription-dropped", names...)
	case groups.Invalid:
		return invalid(what + " cannot be as it is asked for: " + printable(e.Reason) + ".")
	case groups.Closed:
		return status.Error(codes.Unavailable, "Server Is Not Ready")
	default:
		return failed(ctx, codes.Internal, what+" failed: '"+printable(e.Reason)+"'", "persistent-subscription-failed",
			append(names, trailerReason, e.Reason)...)
	}
}

// manage does what only those may do that look after the node.
func (p *persistentService) manage(ctx context.Context, do func(*groups.Groups) error) error {
	if err := p.mayManage(ctx); err != nil {
		return err
	}
	gs, err := p.groups(ctx)
	if err == nil {
		err = do(gs)
	}
	return p.answer(ctx, err)
}

// mayShare reports whether the caller may know of groups: every authenticated
// caller may.
func (p *persistentService) mayShare(ctx context.Context) error {
	if !p.options.Insecure && callerOf(ctx).login == "" {
		return denied(ctx)
	}
	return nil
}

// keyed is a request that names a group.
type keyed interface {
	GetStreamIdentifier() *shared.StreamIdentifier
	GetAll() *shared.Empty
	GetGroupName() string
}

func keyOf(o keyed) groups.Key {
	key := groups.Key{Stream: string(o.GetStreamIdentifier().GetStreamName()), Group: o.GetGroupName()}
	if o.GetAll() != nil {
		key.Stream = groups.AllStream
	}
	return key
}

// by is the author of a change.
func by(ctx context.Context) string {
	if c := callerOf(ctx); c.login != "" {
		return c.login
	}
	return "anonymous"
}
