package projections

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// Config is what a Runner works with. Log and Views are required.
type Config struct {
	Log    Log
	Views  Views
	Groups []Group          // nil for all
	Mirror Mirror           // nil for none
	Now    func() time.Time // nil for the system's clock
	Logger *slog.Logger     // nil for the default
}

// Runner keeps the groups up to date, rebuilds and verifies them. All its
// methods may be called at the same time.
type Runner struct {
	projectors []*projector
	changes    *Changes
}

// NewRunner returns a Runner that does nothing until Run; Rebuild and Verify
// work without Run too.
func NewRunner(c Config) *Runner {
	if c.Groups == nil {
		c.Groups = Groups()
	}
	if c.Mirror == nil {
		c.Mirror = noMirror{}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	r := &Runner{changes: NewChanges()}
	for _, g := range c.Groups {
		r.projectors = append(r.projectors, newProjector(c, g, r.changes))
	}
	return r
}

// Changes is the hub on which every commit is published.
func (r *Runner) Changes() *Changes { return r.changes }

// Run follows the log until ctx is done and then returns nil, when all
// groups have come to rest. A group that breaks does not end it: see Status.
// It must not be called while it runs.
func (r *Runner) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, f := range r.projectors {
		wg.Go(func() { f.run(ctx) })
	}
	wg.Wait()
	return nil
}

// MaxAwait bounds [Runner.Await] whatever its context allows.
const MaxAwait = 10 * time.Second

// Await returns nil once a group reflects the log up to a position. It waits
// until ctx is done, at most [MaxAwait], and then is Unavailable; so it is at
// once when the group is broken.
func (r *Runner) Await(ctx context.Context, group string, at eventlog.Position) error {
	f, err := r.projector(group)
	if err != nil {
		return err
	}
	return f.await(ctx, at)
}

// Stands returns the position of a group as far as it is known without a query; 0 for
// one that is not kept.
func (r *Runner) Stands(group string) eventlog.Position {
	f, err := r.projector(group)
	if err != nil {
		return 0
	}
	return eventlog.Position(f.at.Load())
}

// Status returns the status of each group.
func (r *Runner) Status(ctx context.Context) ([]Status, error) {
	all := make([]Status, len(r.projectors))
	for i, f := range r.projectors {
		s, err := f.status(ctx)
		if err != nil {
			return nil, err
		}
		all[i] = s
	}
	return all, nil
}

// Rebuild computes a group's rows from the first event, beside the serving ones, and
// switches to them in one step. Reads go on throughout, and
// writes but for the moment of the switch. progress may be nil. A second
// rebuild of the same group at the same time is a Conflict.
func (r *Runner) Rebuild(ctx context.Context, group string, progress func(Progress)) (Rebuilt, error) {
	f, err := r.projector(group)
	if err != nil {
		return Rebuilt{}, err
	}
	return f.rebuild(ctx, progress)
}

// Verify checks a group against the log; see [Report].
func (r *Runner) Verify(ctx context.Context, group string, progress func(Progress)) (Report, error) {
	f, err := r.projector(group)
	if err != nil {
		return Report{}, err
	}
	return f.verify(ctx, progress)
}

func (r *Runner) projector(group string) (*projector, error) {
	i := slices.IndexFunc(r.projectors, func(f *projector) bool { return f.group.Name == group })
	if i < 0 {
		return nil, notKept(group)
	}
	return r.projectors[i], nil
}

// notKept returns the error for a group that is not kept here.
func notKept(group string) error {
	if _, err := GroupOf(group); err != nil {
		return err
	}
	return domain.Errorf(domain.NotFound, "The view group %q is not kept here.", group)
}
