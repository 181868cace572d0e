package projections

import (
	"context"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// Progress is the progress of a rebuild or a verification.
type Progress struct {
	Position eventlog.Position
	End      eventlog.Position // where it will end, as far as is known
	Events   int64             // applied so far
}

// Rebuilt is the result of a rebuild.
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

func (p *projector) rebuild(ctx context.Context, progress func(Progress)) (Rebuilt, error) {
	if !p.claimRebuild() {
		return Rebuilt{}, domain.Errorf(domain.Conflict, "The view %s is being rebuilt already.", p.group.Name)
	}
	defer p.releaseRebuild()
	start := p.now()
	b, err := p.views.Build(ctx, p.group)
	if err != nil {
		return Rebuilt{}, err
	}
	defer b.Discard(context.WithoutCancel(ctx)) //nolint:errcheck // after Promote it does nothing; else the next start removes the rest
	fresh, err := newApplier(ctx, p.group, b)
	if err != nil {
		return Rebuilt{}, err
	}
	fresh.found = p.holes().log
	done := Rebuilt{Group: p.group.Name}
	for range catchUpRounds {
		n, err := p.catchUp(ctx, fresh, &done, progress)
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
	if err := p.replace(ctx, fresh, b, &done, progress); err != nil {
		return done, err
	}
	done.Position, done.Elapsed = fresh.at(), p.now().Sub(start)
	p.logger.Info("the view was rebuilt", "position", done.Position, "events", done.Events, "elapsed", done.Elapsed)
	return done, nil
}

// catchUp replays up to what is the end of the log now.
func (p *projector) catchUp(ctx context.Context, fresh *applier, done *Rebuilt, progress func(Progress)) (int, error) {
	end, err := p.log.End(ctx)
	if err != nil {
		return 0, err
	}
	return fresh.replay(ctx, p.log, end, func(at eventlog.Position, n int) {
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
func (p *projector) replace(ctx context.Context, fresh *applier, b Building, done *Rebuilt, progress func(Progress)) error {
	p.writing.Lock()
	defer p.writing.Unlock()
	for round := 0; ; round++ {
		if _, err := p.catchUp(ctx, fresh, done, progress); err != nil {
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
	p.applier = fresh
	fresh.wrote = p.mirrored
	p.mirror.Reset(p.group.Name, fresh.at())
	p.opened.Store(true)
	p.advanced()
	signal(p.renewed)
	p.changes.Publish(Change{Group: p.group.Name, Position: fresh.at(), Missed: true})
	return nil
}

func (p *projector) claimRebuild() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rebuilding {
		return false
	}
	p.rebuilding = true
	return true
}

func (p *projector) releaseRebuild() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rebuilding = false
}
