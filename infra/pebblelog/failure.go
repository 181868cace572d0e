package pebblelog

import (
	"orderflow/domain"
)

// fail stops the log for good: whatever err was, what is on disk is in doubt.
func (l *Log) fail(err error) {
	l.failOnce.Do(func() {
		l.cause = err
		close(l.failed)
		l.opts.Logger.Error("the event log failed and takes no appends until a restart", "error", err)
		l.opts.Hooks.ReadOnly("the disk failed: " + err.Error())
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

// failure is what an append is told after the log has failed.
func (l *Log) failure() error {
	return domain.Wrap(domain.ReadOnly, l.cause, "The disk of the event log failed. Nothing is taken until the node is restarted; reads go on.")
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
