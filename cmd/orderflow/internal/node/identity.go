package node

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"orderflow/cmd/orderflow/internal/audit"
	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/internal/pause"
	"orderflow/projections"
)

// Identity says which log the views of a data directory follow: positions of
// one log mean nothing in another, and views of two logs in one are of none.
type Identity struct {
	FirstEvent string `json:"first_event"` // its id and when it was stored; empty as long as there was none
	Log        string `json:"log"`         // where it was then, for people
	// Position of that event: a copy of the log begins with the same event of the
	// same time, but elsewhere. 0 if it was written down before this was kept.
	Position eventlog.Position `json:"position,omitempty"`
}

// embeddedLog is the name of a log in the data directory.
const embeddedLog = "the embedded log"

// same reports whether two identities may be of one log.
func (is Identity) same(other Identity) bool {
	return is.FirstEvent == other.FirstEvent && (is.Position == other.Position || is.Position == 0 || other.Position == 0)
}

// identifyWait bounds the search for the first event of a log. A node's own
// events before it are left out where the log is kept, so it takes one read.
const identifyWait = storePatience

// Identify returns the identity of a log as it is now, and where its first event is.
func Identify(ctx context.Context, log EventLog) (Identity, eventlog.Position, error) {
	is := Identity{Log: embeddedLog}
	if remote, ok := log.(Pinged); ok {
		is.Log = "EventStoreDB at " + remote.Name()
	}
	bounded, cancel := context.WithTimeout(ctx, identifyWait)
	defer cancel()
	for r, err := range log.ReadAll(bounded, 0) {
		switch {
		case err != nil && bounded.Err() != nil && ctx.Err() == nil:
			return is, 0, domain.Wrap(domain.Unavailable, err, "The first event of %s was not found within %s.", is.Log, identifyWait)
		case err != nil:
			return is, 0, err
		case !audit.IsSystem(r):
			is.FirstEvent, is.Position = firstEventOf(r), r.Position
			return is, r.Position, nil
		}
	}
	return is, 0, nil
}

// firstEventOf names an event. The same command gives the same id in every log,
// so the time is in it; what sees it through EventStoreDB's protocol sees less of it.
func firstEventOf(r eventlog.Recorded) string {
	return hex.EncodeToString(r.ID[:]) + " " + r.At.Truncate(time.Microsecond).Format(time.RFC3339Nano)
}

// begins reports whether a log has the first event of an identity at a position.
// It reads one event; false may also mean that the log cannot tell.
func (is Identity) begins(ctx context.Context, log EventLog, first eventlog.Position) bool {
	located, ok := log.(eventlog.PositionFinder)
	if !ok || first <= 0 {
		return false
	}
	r, ok, err := located.At(ctx, first)
	return err == nil && ok && firstEventOf(r) == is.FirstEvent
}

// CheckViews refuses views that follow another log. It says whether the log
// has an identity yet; see [App.keepToLog].
func CheckViews(ctx context.Context, k backend, log EventLog, views projections.Views) (known bool, err error) {
	now, _, err := Identify(ctx, log)
	if err != nil {
		return false, err
	}
	before, found, err := k.identity(ctx)
	if err != nil {
		return false, err
	}
	at, err := farthest(ctx, views)
	if err != nil {
		return false, err
	}
	_, remote := log.(Pinged)
	switch {
	case found && before.FirstEvent != "" && !before.same(now),
		!found && remote && at > 0: // they were filled before this was kept, from an embedded log
		return false, errOtherLog(k, before, now)
	}
	end, err := log.End(ctx)
	if err != nil {
		return false, err
	}
	if at > end { // as after a loss was accepted; what is new below would never be seen
		return false, errAhead(k, at, end, now)
	}
	if found && before.FirstEvent == now.FirstEvent && before.Position == now.Position {
		return now.FirstEvent != "", nil
	}
	return now.FirstEvent != "", k.identify(ctx, now)
}

func errOtherLog(k backend, before, now Identity) error {
	was := before.Log
	if was == "" {
		was = embeddedLog
	}
	if was == now.Log {
		return domain.Errorf(domain.Conflict, "The views in %s follow another log than %s holds now: it was replaced there. To have them computed anew, %s.",
			k.where(), now.Log, k.recoveryHint())
	}
	return domain.Errorf(domain.Conflict, "The views in %s follow another log, %s, and not %s: %s to have them computed anew.", k.where(), was, now.Log, k.recoveryHint())
}

func errAhead(k backend, at, end eventlog.Position, now Identity) error {
	return domain.Errorf(domain.Conflict, "The views in %s are at position %d and %s ends at %d: it was set back, or it is another one. "+
		"To have them computed anew, %s.", k.where(), at, now.Log, end, k.recoveryHint())
}

// WarnOfDoubts says which views were computed from events that the log does not
// have any more. Where a node runs it computes them anew by itself.
func WarnOfDoubts(ctx context.Context, log EventLog, views projections.Views, logger *slog.Logger) error {
	for _, g := range projections.Groups() {
		doubt, err := projections.Doubt(ctx, log, views, g)
		if err != nil {
			return err
		}
		if doubt != nil {
			logger.WarnContext(ctx, "the view has to be computed anew: start a node, or use `orderflow projections rebuild`", "view", g.Name, "err", doubt)
		}
	}
	return nil
}

// farthest is the position of the views that are ahead of the others.
func farthest(ctx context.Context, views projections.Views) (at eventlog.Position, err error) {
	for _, g := range projections.Groups() {
		store, err := views.Live(ctx, g)
		if err != nil {
			return 0, err
		}
		c, err := store.Checkpoint(ctx)
		if err != nil {
			return 0, err
		}
		at = max(at, c.Position())
	}
	return at, nil
}

// logCheckEvery is how often a node looks whether a log elsewhere is still the
// one it began with: a server may come back with other data.
const logCheckEvery = 5 * time.Second

// keepToLog writes down which log the views follow as soon as it has an
// identity, and then ends the node's work if the log becomes another one.
func (a *App) keepToLog(ctx context.Context) error {
	if !a.logKnown {
		if err := a.untilDone(ctx, a.rememberLog); err != nil {
			return ended(ctx, err)
		}
	}
	if _, remote := a.Log.(Pinged); !remote {
		return nil // the lock keeps other processes out
	}
	var ours Identity
	if err := a.untilDone(ctx, func(ctx context.Context) (err error) { ours, _, err = a.backend.identity(ctx); return err }); err != nil {
		return ended(ctx, err)
	}
	every := time.NewTicker(logCheckEvery)
	defer every.Stop()
	for first := eventlog.Position(0); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-every.C:
		}
		if ours.begins(ctx, a.Log, first) {
			continue
		}
		now, at, err := Identify(ctx, a.Log)
		first = at
		if err == nil && !now.same(ours) { // one that cannot be reached is told of elsewhere
			return errOtherLog(a.backend, ours, now)
		}
	}
}

// untilDone tries again for as long as what it needs is out of reach.
func (a *App) untilDone(ctx context.Context, do func(context.Context) error) error {
	for {
		err := do(ctx)
		if err == nil || domain.KindOf(err) != domain.Unavailable {
			return err
		}
		a.Logger.WarnContext(ctx, "which log the views follow cannot be read or written now", "error", err)
		if err := pause.For(ctx, logCheckEvery); err != nil {
			return err
		}
	}
}

// rememberLog waits for the first event of a log that had none when it was
// opened, and writes down which log it is.
func (a *App) rememberLog(ctx context.Context) error {
	for r, err := range a.Log.Subscribe(ctx, 0) {
		if err != nil {
			return err
		}
		if audit.IsSystem(r) {
			continue
		}
		now, _, err := Identify(ctx, a.Log)
		if err != nil {
			return err
		}
		return a.backend.identify(ctx, now)
	}
	return nil
}

// IdentityName is the note in which it stands.
const IdentityName = "log"

// identity implements keeper: it stands in a file beside the views.
func (e *embedded) identity(context.Context) (is Identity, found bool, err error) {
	data, err := os.ReadFile(e.identityFile())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return is, false, nil
	case err != nil:
		return is, false, domain.Wrap(domain.Internal, err, "It cannot be read which log the views follow")
	case json.Unmarshal(data, &is) != nil:
		return is, false, domain.Errorf(domain.Internal, "%s is damaged; remove %s to have the views computed anew.", e.identityFile(), e.dir)
	}
	return is, true, nil
}

// identify implements keeper: it replaces the file, whole or not at all.
func (e *embedded) identify(_ context.Context, is Identity) error {
	data, err := json.Marshal(is)
	if err != nil {
		return err
	}
	half := e.identityFile() + ".new"
	if err := os.WriteFile(half, data, 0o600); err != nil {
		return domain.Wrap(domain.Internal, err, "It cannot be written down which log the views follow")
	}
	return os.Rename(half, e.identityFile())
}

func (e *embedded) identityFile() string { return filepath.Join(e.dir, IdentityName+".json") }

func (e *embedded) where() string { return e.dir }

func (e *embedded) recoveryHint() string {
	return "choose another directory with --data, or remove " + e.dir
}

// identity implements keeper.
func (p *onPostgres) identity(ctx context.Context) (is Identity, found bool, err error) {
	text, found, err := p.Note(ctx, IdentityName)
	if err != nil || !found {
		return is, false, err
	}
	if json.Unmarshal([]byte(text), &is) != nil {
		return is, false, domain.Errorf(domain.Internal, "The note in PostgreSQL of which log the views follow is damaged; %s.", p.recoveryHint())
	}
	return is, true, nil
}

// identify implements keeper.
func (p *onPostgres) identify(ctx context.Context, is Identity) error {
	data, err := json.Marshal(is)
	if err != nil {
		return err
	}
	return p.SetNote(ctx, IdentityName, string(data))
}

func (p *onPostgres) where() string { return "PostgreSQL" }

func (p *onPostgres) recoveryHint() string {
	return "choose another database with --postgres, or drop those of this one"
}
