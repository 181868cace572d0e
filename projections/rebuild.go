package projections

import (
	"context"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// Progress is how far a rebuild or a verification has come.
type Progress struct {
	Position eventlog.Position
	End      eventlog.Position // where it will end, as far as is known
	Events   int64             // applied so far
}

// Rebuilt is what a rebuild did.
type Rebuilt struct {
	Group    string
	Events   int64
	Position eventlog.Position
	Elapsed  time.Duration
}

// catchUpRounds bounds how often a rebuild runs after a log that grows, before
// it holds the live writer for the rest.
const catchUpRounds = 8

// promoteRounds bounds how often a rebuild runs after a writer of another process.
const promoteRounds = 64

func (f *projector) rebuild(ctx context.Context, progress func(Progress)) (Rebuilt, error) {
	if !f.claimRebuild() {
		return Rebuilt{}, domain.Errorf(domain.Conflict, "The view %s is being rebuilt already.", f.group.Name)
	}
	defer f.releaseRebuild()
	start := f.now()
	b, err := f.views.Build(ctx, f.group)
	if err != nil {
		return Rebuilt{}, err
	}
	defer b.Discard(context.WithoutCancel(ctx)) //nolint:errcheck // after Promote it does nothing; else the next start removes the rest
	fresh, err := newApplier(ctx, f.group, b)
	if err != nil {
		return Rebuilt{}, err
	}
	fresh.found = f.holes().log
	done := Rebuilt{Group: f.group.Name}
	for range catchUpRounds {
		n, err := f.catchUp(ctx, fresh, &done, progress)
		if err != nil {
			return done, err
		}
		if n < MaxBatchEvents {
			break
		}
	}
	if r, ok := b.(Preparer); ok {
		if err := r.Prepare(ctx); err != nil {
			return done, err
		}
	}
	if err := f.replace(ctx, fresh, b, &done, progress); err != nil {
		return done, err
	}
	done.Position, done.Elapsed = fresh.at(), f.now().Sub(start)
	f.logger.Info("the view was rebuilt", "position", done.Position, "events", done.Events, "elapsed", done.Elapsed)
	return done, nil
}

// catchUp replays up to what is the end of the log now.
func (f *projector) catchUp(ctx context.Context, fresh *applier, done *Rebuilt, progress func(Progress)) (int, error) {
	end, err := f.log.End(ctx)
	if err != nil {
		return 0, err
	}
	return fresh.replay(ctx, f.log, end, func(at eventlog.Position, n int) {
		done.Events += int64(n)
		if progress != nil {
			progress(Progress{Position: at, End: end, Events: done.Events})
		}
	})
}

// replace holds the live writer, plays the last events, and switches. The new
// rows are then at least as far as the old ones were, and the follower passes
// over the events it still has in hand that they include. A writer in another
// process is not held: if it came further meanwhile, Promote refuses, and the
// last events are played again.
func (f *projector) replace(ctx context.Context, fresh *applier, b Building, done *Rebuilt, progress func(Progress)) error {
	f.writing.Lock()
	defer f.writing.Unlock()
	for round := 0; ; round++ {
		if _, err := f.catchUp(ctx, fresh, done, progress); err != nil {
			return err
		}
		err := b.Promote(ctx)
		if err == nil {
			break
		}
		if domain.KindOf(err) != domain.Conflict || round == promoteRounds {
			return err
		}
	}
	f.applier = fresh
	fresh.wrote = f.mirrored
	f.mirror.Reset(f.group.Name, fresh.at())
	f.opened.Store(true)
	f.advanced()
	signal(f.renewed)
	f.changes.Publish(Change{Group: f.group.Name, Position: fresh.at(), Missed: true})
	return nil
}

func (f *projector) claimRebuild() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.rebuilding {
		return false
	}
	f.rebuilding = true
	return true
}

func (f *projector) releaseRebuild() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rebuilding = false
}
