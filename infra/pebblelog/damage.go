package pebblelog

import (
	"errors"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"orderflow/domain"
	"orderflow/infra/pebblelog/scrub"
)

// RefusedError is the cause of the error with which Open refuses a log. Nothing in
// the log was deleted.
type RefusedError struct {
	// Loss says that the log can be read and is shorter than, or not, what its
	// checkpoint saw: what [Options.AcceptLoss] opens. Otherwise it is broken.
	Loss   bool
	Reason error
}

func (r *RefusedError) Error() string { return scrub.OneLine(r.Reason.Error()) }

// Unwrap returns the reason.
func (r *RefusedError) Unwrap() error { return r.Reason }

// refusal tells the operator that a log is not opened because it is broken.
func refusal(dir string, reason error) error { return refused(dir, &RefusedError{Reason: reason}) }

// refusalOfLoss tells the operator that a log is not opened because it is not
// what its checkpoint saw.
func refusalOfLoss(dir string, reason error) error {
	return refused(dir, &RefusedError{Loss: true, Reason: reason})
}

// errFull is for a log that cannot be opened for want of room.
func errFull(dir string, reason error) error {
	return domain.Wrap(domain.ReadOnly, reason, "The disk of the event log in %s is full, so the log cannot be opened. Nothing is known to be wrong with it: make room and start again", dir)
}

func refused(dir string, r *RefusedError) error {
	if isFull(r.Reason) {
		return errFull(dir, r.Reason)
	}
	text := "is broken and is not opened. Nothing in it was deleted. Restore it from a backup"
	if r.Loss {
		text = "is not what it was and is not opened. Nothing in it was deleted. Restore it from a backup that is at least as long; " +
			"or, if what is missing is known to be lost, have the loss accepted and rebuild all views"
	}
	return domain.Wrap(domain.Internal, r, "The event log in %s %s", dir, text)
}

// corrupted handles damage that the database reports while it reads.
func (l *Log) corrupted(info pebble.DataCorruptionInfo) {
	d := &scrub.DamageError{Table: l.files.fs.PathBase(info.Path), Offset: -1, Holds: describeKeys(info.Bounds.Start, info.Bounds.End.Key), Reason: info.Details}
	if levels := l.levels.Load(); levels != nil {
		for _, t := range scrub.NewestFirst(*levels) {
			if t.Name == d.Table {
				d.Level = t.Level
			}
		}
	}
	l.damaged(d)
}

// damaged stops the log for good, as a failed disk does; during the start it makes
// the start fail instead. It saves the table's name, so that the next start
// verifies that table first however large the log is.
func (l *Log) damaged(d *scrub.DamageError) {
	l.damage.Lock()
	first, started := l.damage.met == nil, l.damage.started
	if first {
		l.damage.met = d
		if err := l.files.write(damageName, []byte(d.Table+"\n"+d.Error()+"\n")); err != nil {
			l.opts.Logger.Warn("the damage of the event log cannot be saved", "error", scrub.OneLine(err.Error()))
		}
	}
	l.damage.Unlock()
	if first && started {
		l.disk.down.Store(true)
		l.fail(d)
	}
}

// admit ends the start: damage that is found from now on stops the log.
func (l *Log) admit() error {
	l.damage.Lock()
	defer l.damage.Unlock()
	if l.damage.met != nil {
		return refusal(l.files.dir, l.damage.met)
	}
	l.damage.started = true
	return nil
}

// suspect returns the table that was found broken before, or "".
func (l *Log) suspect() (string, error) {
	text, err := l.files.read(damageName)
	name, _, _ := strings.Cut(string(text), "\n")
	return name, err
}

// clearDamage removes the saved damage: the table is whole or gone.
func (l *Log) clearDamage() error {
	return errors.Join(l.files.fs.Remove(l.files.path(damageName)), l.files.sync(l.files.dir))
}

// pebbleLogged logs an error message of the database. Messages that follow known
// damage are logged at debug level only.
func (l *Log) pebbleLogged(text string) {
	l.damage.Lock()
	known := l.damage.met != nil
	l.damage.Unlock()
	if known || l.hasFailed() {
		l.opts.Logger.Debug("pebble", "said", text)
		return
	}
	l.opts.Logger.Error("the database of the event log complained", "said", scrub.OneLine(text))
}
