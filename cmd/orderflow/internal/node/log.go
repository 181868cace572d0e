package node

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"orderflow/commands"
	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/eventstoredb"
	"orderflow/infra/pebblelog"
	"orderflow/infra/telemetry"
	"orderflow/projections"
)

// EventLog is a node's log, wherever it is kept.
type EventLog interface {
	eventlog.Store
	eventlog.EndReader
	Close() error
}

// What a log may have besides, and is asked for where it matters.
type (
	// measured is a log on a disk of ours.
	measured interface {
		Stats(ctx context.Context) pebblelog.Stats
	}
	// Pinged is a log in another process.
	Pinged interface {
		Ping(ctx context.Context) error
		Name() string
	}
)

// LogHooks are those of every log there is.
type LogHooks struct {
	embedded   pebblelog.Hooks
	eventStore eventstoredb.Hooks
}

// OpenLog opens the log that a configuration names, and says what to do when
// it is refused. One that is served elsewhere has answered when it returns.
func OpenLog(ctx context.Context, c Config, logger *slog.Logger, hooks LogHooks) (EventLog, error) {
	if c.EventStore == "" {
		log, err := OpenLogWith(c, pebblelog.Options{Logger: logger, Hooks: hooks.embedded})
		if err != nil {
			return nil, err // not a *pebblelog.Log that is nil
		}
		return log, nil
	}
	log, err := eventstoredb.Open(c.EventStore, eventstoredb.Options{Logger: logger, Hooks: hooks.eventStore})
	if err != nil {
		return nil, err
	}
	if err := log.Ping(ctx); err != nil {
		_ = log.Close() // it never got anywhere
		err = Troubled(ctx, c.EventStore, c.Explained(err))
		return nil, domain.Wrap(domain.KindOf(err), err, "The event store named with %s cannot be used", c.eventStoreFlag())
	}
	return log, nil
}

// OpenLogWith opens the embedded log with options of its own. A log in use is
// Unavailable.
func OpenLogWith(c Config, o pebblelog.Options) (*pebblelog.Log, error) {
	log, err := pebblelog.Open(c.LogDir(), o)
	if domain.KindOf(err) == domain.Unavailable {
		return nil, ErrInUse(c, err)
	}
	if refused, ok := errors.AsType[*pebblelog.RefusedError](err); ok {
		return nil, errRefused(c, refused)
	}
	return log, err
}

// ErrInUse returns the error for a data directory that another process has open.
func ErrInUse(c Config, err error) error {
	if c.Flag != "" { // the command works on directories alone
		return domain.Wrap(domain.Unavailable, err, "The data directory %s is in use by another orderflow; stop it, or choose another with %s", c.Data, c.Flag)
	}
	return domain.Wrap(domain.Unavailable, err,
		"The data directory %s is in use by another orderflow; ask that one with --server URL, stop it, or choose another with --data", c.Data)
}

// LockData says that what is in a data directory besides the log is ours: with
// the log elsewhere, its lock does not say so.
func LockData(c Config) (io.Closer, error) {
	lock, err := vfs.Default.Lock(filepath.Join(c.Data, "lock"))
	if err != nil {
		return nil, ErrInUse(c, err)
	}
	return lock, nil
}

// newLocal returns the handler of commands in this process. An embedded log is ours
// alone; to one that is served others append too, and it keeps no snapshots.
func (a *App) newLocal(ctx context.Context) (*commands.Local, error) {
	if snapshots, ok := a.Log.(eventlog.Snapshots); ok {
		return commands.NewLocalSingleWriter(a.Log, snapshots), nil
	}
	states, err := a.backend.states(ctx)
	if err != nil {
		return nil, err
	}
	return commands.NewLocal(a.Log, states), nil
}

// Ready says why the process cannot do its work now, or nil.
func (a *App) Ready(ctx context.Context) error {
	if a.draining.Load() {
		return domain.Errorf(domain.Unavailable, "The process is ending.")
	}
	if err := a.backend.ping(ctx); err != nil {
		return err
	}
	if err := a.viewsReady(ctx); err != nil {
		return err
	}
	for _, d := range a.Drivers {
		if err := d.Ready(); err != nil {
			return err
		}
	}
	switch log := a.Log.(type) {
	case measured:
		return log.Stats(ctx).ReadOnly
	case Pinged:
		return a.Config.Explained(log.Ping(ctx))
	}
	return nil
}

// viewsReady says why the views cannot be relied on, or nil: those that this
// process keeps, and those that it reads.
func (a *App) viewsReady(ctx context.Context) error {
	if a.projecting.Load() {
		if err := a.Runner.Ready(ctx); err != nil {
			return err
		}
	}
	if reader, ok := a.ViewProgress.(*projections.Reader); ok && a.Config.Roles.serves() {
		return reader.Ready(ctx)
	}
	return nil
}

// endWait bounds how long a scrape waits for a log that is served elsewhere.
const endWait = time.Second

// logFigures are the log's figures of now.
func (a *App) logFigures() telemetry.LogFigures {
	if log, ok := a.Log.(measured); ok {
		s := log.Stats(context.Background())
		return telemetry.LogFigures{End: int64(s.End), Queued: s.Queued, DiskBytes: s.DiskBytes}
	}
	ctx, cancel := context.WithTimeout(context.Background(), endWait)
	defer cancel()
	end, _ := a.Log.End(ctx) // 0 when it does not answer; the failure is counted
	return telemetry.LogFigures{End: int64(end)}
}
