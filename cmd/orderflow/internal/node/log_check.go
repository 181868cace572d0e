package node

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"orderflow/cmd/orderflow/internal/admin"
	"orderflow/cmd/orderflow/internal/audit"
	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/pebblelog"
)

// verifyLog reads the log of the node whole.
func (a *App) verifyLog(ctx context.Context) (r admin.LogReport, err error) {
	quiet := func(eventlog.Position, eventlog.Position) {}
	log, ok := a.Log.(readWhole)
	if !ok {
		return VerifyServed(ctx, a.Log, quiet)
	}
	r.Report, err = log.Verify(ctx, quiet)
	r.OK = r.Report.OK()
	return r, err
}

// BackUp copies a log to a data directory, and returns the folder of the copy.
func BackUp(ctx context.Context, log eventlog.Store, to string) (admin.LogCopied, error) {
	source, ok := log.(copied)
	if !ok {
		return admin.LogCopied{}, ErrNotOurs()
	}
	if !filepath.IsAbs(to) {
		return admin.LogCopied{}, domain.Errorf(domain.Invalid, "%q is no absolute path: a server has another working directory.", to)
	}
	dir := Config{Data: to}.LogDir()
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return admin.LogCopied{}, domain.Errorf(domain.Conflict, "There is a log in %s already; name another directory, a backup replaces nothing.", to)
	}
	if err := source.Snapshot(ctx, dir); err != nil {
		return admin.LogCopied{}, err
	}
	return admin.LogCopied{Data: to, Log: dir}, nil
}

// ErrNotOurs refuses what can be done to an embedded log only.
func ErrNotOurs() error {
	return domain.Errorf(domain.Invalid, "The log is in EventStoreDB, which looks after it: use its own tools.")
}

// errRefused says what an operator can do about a log that is not opened.
func errRefused(c Config, refused *pebblelog.RefusedError) error {
	if refused.Loss {
		return domain.Wrap(domain.Internal, refused,
			"The event log in %s is not what it was and is not opened. Nothing in it was deleted. Put a copy of it in its place that is at least as long, "+
				"as `orderflow log backup` makes them; or, if what is missing is known to be lost, say so with `orderflow log accept-loss --data %s` and rebuild all views",
			c.LogDir(), c.Data)
	}
	return domain.Wrap(domain.Internal, refused,
		"The event log in %s is broken and is not opened. Nothing in it was deleted. `orderflow log verify --data %s` says what is broken and where; "+
			"put a copy of the log in its place, as `orderflow log backup` makes them", c.LogDir(), c.Data)
}

// VerifyServed reads all events of this system's streams in a log that is served
// elsewhere, and says which streams lack some. That its bytes are whole, the
// server's own tools say.
func VerifyServed(ctx context.Context, log EventLog, progress func(at, end eventlog.Position)) (r admin.LogReport, err error) {
	if r.End, err = log.End(ctx); err != nil {
		return r, err
	}
	c, events := audit.NewContinuity(), make([]eventlog.Recorded, 0, verifySize)
	for e, err := range log.ReadAll(ctx, 0, audit.Categories()...) {
		if err != nil {
			return r, err
		}
		r.Events++
		if events = append(events, e); len(events) == verifySize {
			c.Take(audit.SpansOf(events))
			progress(e.Position, r.End)
			events = events[:0]
		}
	}
	c.Take(audit.SpansOf(events))
	if err := c.Ask(ctx, log); err != nil {
		return r, err
	}
	r.ServedReport = admin.ServedReport{Served: true, Streams: int64(len(c.Last)), Holes: c.Holes}
	r.OK = r.IncompleteStreams == 0
	return r, nil
}

type copied interface {
	Snapshot(ctx context.Context, dir string) error
}

// What a log can do of which a backup is made, and that is verified.
type (
	readWhole interface {
		Verify(ctx context.Context, progress func(at, end eventlog.Position)) (pebblelog.Report, error)
	}
)

// verifySize is how many events are followed at a time.
const verifySize = 2_048
