package pebblelog

import (
	"errors"

	"orderflow/domain"
	"orderflow/infra/pebblelog/scrub"
)

// fail stops the log for good: after a disk error the state on disk is uncertain.
// See docs/adr/004.
func (l *Log) fail(err error) {
	l.failOnce.Do(func() {
		l.cause = err
		close(l.failed)
		line := scrub.OneLine(err.Error())
		if _, ok := errors.AsType[*scrub.DamageError](err); ok {
			l.opts.Logger.Error("the event log is damaged and takes no appends; stop the node and restore the log from a backup", "damage", line)
			l.opts.Hooks.ReadOnly("the log is damaged: " + line)
			return
		}
		l.opts.Logger.Error("the event log failed and takes no appends until a restart", "error", line)
		l.opts.Hooks.ReadOnly("the disk failed: " + line)
	})
}

func (l *Log) hasFailed() bool {
	select {
	case <-l.failed:
		return true
	default:
		return false
	}
}

// failure returns the error for appends after the log has failed.
func (l *Log) failure() error {
	if d, ok := errors.AsType[*scrub.DamageError](l.cause); ok {
		return domain.Wrap(domain.ReadOnly, d, "The event log is damaged. Nothing is taken until it is restored; reads go on where they can")
	}
	return domain.Wrap(domain.ReadOnly, l.cause, "The disk of the event log failed. Nothing is taken until the node is restarted; reads go on")
}

// writable returns why the log takes no appends now, or nil.
func (l *Log) writable() error {
	switch {
	case l.hasFailed():
		return l.failure()
	case l.guard.refusing.Load():
		return l.guard.check()
	default:
		return nil
	}
}
