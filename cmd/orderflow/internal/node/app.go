package node

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"orderflow/cmd/orderflow/internal/build"
	"orderflow/commands"
	"orderflow/domain"
	"orderflow/infra/edge"
	"orderflow/infra/httpapi"
	"orderflow/infra/kafka"
	"orderflow/infra/redis"
	"orderflow/infra/simulator"
	"orderflow/infra/telemetry"
	"orderflow/internal/pause"
	"orderflow/projections"
	"orderflow/sagas"
)

// App is one node: the log, the handler of commands, the sagas, the views and the API,
// as far as its roles need them. It is a value: a process may have many.
//
//	New opens everything and listens, Run works until it is told to end, Close lets go
type App struct {
	Config Config
	Logger *slog.Logger

	Log          EventLog
	Bus          commands.Bus
	Views        viewStore
	Runner       *projections.Runner  // rebuilds and verifies; runs where the views are kept
	ViewProgress viewProgress         // how far the views are
	Simulator    *simulator.Simulator // nil without a role that needs it, and where it is elsewhere
	API          *httpapi.API         // nil without the role gateway

	hidden *projections.Hidden // nil without the role gateway

	process   string // names this start of the process
	simulated simulated
	gateways  []guardedGateway // in the order of the configuration; none without the role payment
	carriers  []guardedCarrier // likewise, without the role shipping

	local      *commands.Local
	backend    backend
	leases     leases
	kafka      *kafka.Kafka // nil without brokers
	redis      *redis.Redis // nil without one
	groups     []string     // of consumers that run here
	Drivers    []*sagas.Driver
	background []part      // what else runs while the node does
	projecting atomic.Bool // this process keeps the views now
	logKnown   bool        // it is written down which log the views follow
	metrics    atomic.Pointer[telemetry.Metrics]
	started    atomic.Bool // what it follows was reached once
	draining   atomic.Bool
	edge       *edge.Edge // nil without authentication and limits before the API
	Public     *Listener  // nil without an API on the network
	private    *Listener  // nil without metrics on the network
	Peers      *Listener  // nil without commands of other processes
	closers    []func() error
}

// New opens a node. On an error nothing stays open. Kinds: Invalid (the
// configuration), Unavailable (the folder or a port is in use), Internal (the
// log or a ledger is refused).
func New(ctx context.Context, c Config, logger *slog.Logger) (_ *App, err error) {
	c.Providers = c.withDefaults()
	if err := c.Check(); err != nil {
		return nil, err
	}
	a := &App{Config: c, Logger: logger, process: newProcess()}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, domain.Wrap(domain.Invalid, err, "The data directory cannot be made; choose another with --data")
	}
	if err := a.openStores(ctx); err != nil {
		return nil, err
	}
	if err := a.assemble(ctx); err != nil {
		return nil, err
	}
	return a, a.listen(ctx)
}

// openStores opens the log and what is on disk; a lock says that the folder is ours.
func (a *App) openStores(ctx context.Context) (err error) {
	lock, err := LockData(a.Config)
	if err != nil {
		return err
	}
	a.onClose(lock.Close)
	if a.Log, err = OpenLog(ctx, a.Config, a.Logger, a.logHooks()); err != nil {
		return err
	}
	a.onClose(a.Log.Close)
	if a.backend, err = OpenBackend(ctx, a.Config, a.Logger); err != nil {
		return err
	}
	a.onClose(a.backend.Close)
	if a.Views, err = a.backend.OpenViews(ctx); err != nil {
		return err
	}
	if a.logKnown, err = CheckViews(ctx, a.backend, a.Log, a.Views); err != nil {
		return err
	}
	if a.leases, err = a.backend.leases(ctx); err != nil {
		return err
	}
	return a.openSimulator()
}

// assemble connects the parts.
func (a *App) assemble(ctx context.Context) (err error) {
	if a.local, err = a.newLocal(ctx); err != nil {
		return err
	}
	a.onClose(func() error { a.local.Close(); return nil })
	if err := a.openRedis(ctx); err != nil {
		return err
	}
	a.Runner = projections.NewRunner(projections.Config{Log: a.Log, Views: a.Views, Mirror: a.mirror(), Logger: a.Logger})
	a.follow()
	m := a.newMetrics()
	a.metrics.Store(m)
	a.local.Observe = m.Commanded
	if a.Bus, err = a.newBus(); err != nil {
		return err
	}
	a.connectKafka()
	if a.Drivers, err = a.sagaDrivers(ctx); err != nil {
		return err
	}
	if err := a.relay(ctx); err != nil {
		return err
	}
	if !a.Config.Roles.serves() {
		return nil
	}
	return a.assembleAPI()
}

// follow connects the projectors and those that wait for their progress.
func (a *App) follow() {
	follows, run := a.backend.follower(a.Runner, a.Log)
	a.ViewProgress = follows
	if run != nil {
		a.runs("view reader", run)
	}
	if a.Config.Roles.projects() {
		a.runs("projector", func(ctx context.Context) error {
			return a.whileHolding(ctx, roleProjector, func(ctx context.Context, _ int64) error {
				a.projecting.Store(true)
				defer a.projecting.Store(false)
				return a.Runner.Run(ctx)
			})
		})
	}
}

func (a *App) assembleAPI() error {
	key, err := cursorKey(a.Config)
	if err != nil {
		return err
	}
	a.hidden = &projections.Hidden{Log: a.Log, Stalled: a.Views.Stalled, Logger: a.Logger}
	a.runs("search for streams that hide events", a.hidden.Run)
	a.API = httpapi.New(httpapi.Config{
		Bus: a.Bus, Log: a.Log, Holes: a.Views, Hidden: a.hidden.Holes,
		Orders: a.orders(), Stock: a.stocks(), Views: a.Views,
		Await: a.ViewProgress.Await, Changes: a.ViewProgress.Changes(), Ready: a.Ready,
		CursorKey: key, Version: build.ReadBuild().Version, Logger: a.Logger, Observer: a.apiObserver(),
	})
	return nil
}

// listen takes the ports, so that a port in use is an error of New.
func (a *App) listen(ctx context.Context) (err error) {
	if a.Config.Private != "" {
		if a.private, err = ListenOn(ctx, a.Config.Private, a.privateHandler(), a.Logger, "--private"); err != nil {
			return err
		}
		a.onClose(a.private.Close)
	}
	if err := a.listenToPeers(ctx); err != nil {
		return err
	}
	if a.Config.Listen == "" || a.API == nil {
		return nil
	}
	return a.listenToPublic(ctx)
}

// listenToPublic serves the API behind its edge.
func (a *App) listenToPublic(ctx context.Context) (err error) {
	if a.edge, err = a.Config.Auth.edge(ctx, a.Config.Data, a.limiter(), a.Logger, a.edgeObserver()); err != nil {
		return err
	}
	handler := a.publicHandler()
	if !a.Config.Auth.on() {
		handler = onThisMachine(handler)
	}
	if a.edge != nil {
		a.onClose(a.edge.Close)
		handler = a.edge.Wrap(handler)
	}
	if a.Public, err = ListenOn(ctx, a.Config.Listen, handler, a.Logger, "--listen"); err != nil {
		return err
	}
	a.Public.socket = a.API.Listener(a.Public.socket)
	a.onClose(a.Public.Close)
	return nil
}

// URL is where the API is, without a slash at the end; empty when it is not on the network.
func (a *App) URL() string { return a.Public.URL() }

// PrivateURL is where metrics and profiles are; empty when they are not on the network.
func (a *App) PrivateURL() string { return a.private.URL() }

// Run works until ctx is done or a part fails. Then it takes no more requests,
// answers those it has, lets the sagas finish the step they are at, and
// returns nil if it was told to end.
func (a *App) Run(ctx context.Context) error {
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	group, failed := errgroup.WithContext(work)
	for _, p := range a.background {
		group.Go(func() error { return p.until(failed) })
	}
	group.Go(func() error { a.watchLimits(failed); return nil })
	group.Go(func() error { return a.keepToLog(failed) })
	group.Go(func() error { return a.startUp(failed) })
	for _, d := range a.Drivers {
		group.Go(func() error { return part{"saga " + d.Saga.Name, d.Run}.until(failed) })
	}
	for _, l := range a.listeners() {
		group.Go(l.Serve)
	}
	group.Go(func() error {
		select {
		case <-ctx.Done():
		case <-failed.Done():
		}
		a.draining.Store(true)
		if a.API != nil {
			a.API.Drain()
		}
		a.showDraining(failed)
		for _, l := range a.listeners() {
			l.Drain(failed)
		}
		stopWork()
		return nil
	})
	return group.Wait()
}

// showDraining gives load balancers the time to see that the node is not ready.
func (a *App) showDraining(failed context.Context) {
	if a.Config.DrainWait <= 0 {
		return
	}
	_ = pause.For(failed, a.Config.DrainWait) // what failed is told of elsewhere
}

// listeners are those that there are; the private one ends last.
func (a *App) listeners() []*Listener {
	return slices.DeleteFunc([]*Listener{a.Public, a.Peers, a.private}, func(l *Listener) bool { return l == nil })
}

// part is work that goes on as long as the node does.
type part struct {
	name string
	run  func(context.Context) error
}

// runs adds a part to the node.
func (a *App) runs(name string, run func(context.Context) error) {
	a.background = append(a.background, part{name, run})
}

// until runs the part until ctx is done. If it ends before, by an error or
// without one, that is an error of the node: it would go unnoticed.
func (p part) until(ctx context.Context) error {
	err := p.run(ctx)
	switch {
	case ctx.Err() != nil:
		return nil
	case err == nil:
		return domain.Errorf(domain.Internal, "The %s ended although the node goes on", p.name)
	}
	return domain.Wrap(domain.KindOf(err), err, "The %s ended", p.name)
}

// ended turns the error of work that was told to end into nil.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// Close lets go of everything, last opened first. It may be called after Run
// returned, or without Run.
func (a *App) Close() error {
	var errs []error
	for len(a.closers) > 0 {
		last := len(a.closers) - 1
		errs = append(errs, a.closers[last]())
		a.closers = a.closers[:last]
	}
	return errors.Join(errs...)
}

func (a *App) onClose(f func() error) { a.closers = append(a.closers, f) }
