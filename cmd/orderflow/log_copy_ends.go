package main

import (
	"context"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"orderflow/cmd/orderflow/internal/audit"
	"orderflow/cmd/orderflow/internal/node"
	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/following"
	"orderflow/internal/pause"
)

// How a copy waits for an end that cannot be reached, as while a cluster elects
// a leader or a node is restarted.
const (
	// copyPatience bounds an outage of either end.
	copyPatience = 2 * time.Minute
	// firstCopyPause is before the first repeat; it doubles up to lastCopyPause.
	firstCopyPause = 100 * time.Millisecond
	lastCopyPause  = 5 * time.Second
)

// copyEnd is a log that is copied from or to.
type copyEnd struct {
	log  node.EventLog
	name string // without secrets
}

// endConfig returns where the end named in a flag is: in an event store or in a
// data directory.
func endConfig(flag, named string) (node.Config, error) {
	if strings.Contains(named, "://") {
		return node.Config{EventStore: named, Flag: flag}, nil
	}
	if named == "" {
		return node.Config{}, domain.Errorf(domain.Invalid, "Name a data directory or a connection string with %s.", flag)
	}
	dir, err := filepath.Abs(named)
	if err != nil {
		return node.Config{}, domain.Wrap(domain.Invalid, err, "%s names no data directory", flag)
	}
	return node.Config{Data: dir, Flag: flag}, nil
}

// openEnd opens the log of an end. A directory without a log is refused unless
// the end may begin.
func openEnd(ctx context.Context, c node.Config, begins bool, logger *slog.Logger) (copyEnd, error) {
	switch {
	case c.EventStore != "":
	case begins:
		if err := os.MkdirAll(c.Data, 0o700); err != nil {
			return copyEnd{}, domain.Wrap(domain.Invalid, err, "The data directory cannot be made; choose another with %s", c.DataFlag())
		}
	default:
		if err := c.Exists(); err != nil {
			return copyEnd{}, err
		}
	}
	log, err := node.OpenLog(ctx, c, logger, node.LogHooks{})
	if err != nil {
		return copyEnd{}, err
	}
	end := copyEnd{log: log, name: c.Data}
	if remote, ok := log.(node.Pinged); ok {
		end.name = "EventStoreDB at " + remote.Name()
	}
	return end, nil
}

// outage is how long an end has not been reached.
type outage struct {
	begun time.Time
	pause time.Duration
}

// wait returns nil after a pause if what failed may be tried again, and else why not.
func (o *outage) wait(ctx context.Context, failed error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if following.RemedyFor(domain.KindOf(failed)) != following.Retry {
		return failed
	}
	if o.begun.IsZero() {
		o.begun, o.pause = time.Now(), firstCopyPause
	}
	if time.Since(o.begun) > copyPatience {
		return failed
	}
	defer func() { o.pause = min(2*o.pause, lastCopyPause) }()
	return pause.For(ctx, o.pause)
}

// over says that the end was reached.
func (o *outage) over() { *o = outage{} }

// copyReader reads the system's own events of a log in order, and passes over
// all else. After an outage it goes on where it was.
type copyReader struct {
	log        eventlog.Store
	categories []string // that are read; if empty all, so that others are counted
	at         eventlog.Position
	outage     outage
	next       func() (eventlog.Recorded, error, bool)
	stop       func()

	others, system int64 // events of others, and of the servers' own, that were passed over
}

// read returns the next event; ok is false at what was the end when the reading
// got there.
func (r *copyReader) read(ctx context.Context) (e eventlog.Recorded, ok bool, err error) {
	for {
		if r.next == nil {
			r.next, r.stop = iter.Pull2(r.log.ReadAll(ctx, r.at, r.categories...))
		}
		e, err, ok := r.next()
		if err != nil {
			r.close()
			if err := r.outage.wait(ctx, err); err != nil {
				return e, false, err
			}
			continue
		}
		if !ok {
			return e, false, nil
		}
		r.outage.over()
		r.at = e.Position
		switch {
		case audit.IsSystem(e):
			r.system++
		case !audit.Ours(e.Stream.Category()):
			r.others++
		default:
			return e, true, nil
		}
	}
}

// close ends the reading; a later one goes on behind what was read.
func (r *copyReader) close() {
	if r.stop != nil {
		r.stop()
		r.next, r.stop = nil, nil
	}
}
