package node

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"orderflow/cmd/orderflow/internal/audit"
	"orderflow/domain/eventlog"
	"orderflow/internal/pause"
)

const (
	// limitsWait bounds the look at the limits of streams; a store with many
	// streams has as much metadata to read.
	limitsWait = time.Minute
	// LimitsTold bounds the streams that the warning names.
	LimitsTold = 5
	// limitsLogged bounds the streams that are logged while the node runs, each
	// with a line of its own; a further line says that there are more.
	limitsLogged = 100
	// limitsTries bounds the looks at the limits of streams at the start: a store whose
	// metadata takes longer than limitsWait to read would be read for ever.
	limitsTries = 5
	// limitsAgain is the pause before limits are watched again after an error.
	limitsAgain = 10 * time.Second
)

// watchLimits warns of streams whose events the store takes away, at the start and
// as it comes to that. What is in memory of such a stream is forgotten, so that
// nothing more is decided about it. It returns when ctx is done.
func (a *App) watchLimits(ctx context.Context) {
	watcher, ok := a.Log.(eventlog.TruncationWatcher)
	if !ok {
		a.warnOfLimits(ctx)
		return
	}
	var warned sync.WaitGroup
	defer warned.Wait()
	atStart := sync.OnceFunc(func() { warned.Go(func() { a.warnOfLimits(ctx) }) })
	logged := 0
	for {
		err := watcher.WatchTruncated(ctx, atStart, func(t eventlog.Truncated) {
			if a.local != nil {
				a.local.Forget(t.Stream)
			}
			if a.hidden != nil {
				a.hidden.LookSoon()
			}
			switch logged++; {
			case logged <= limitsLogged:
				a.Logger.WarnContext(ctx, "the event store takes events of a stream away from now on; nothing is decided about it as soon as it lacks one", "stream", string(t.Stream), "how", t.How)
			case logged == limitsLogged+1:
				a.Logger.WarnContext(ctx, "the event store takes events of more streams away; `orderflow audit replay` lists them")
			}
		}, audit.Categories()...)
		if ctx.Err() != nil {
			return
		}
		a.Logger.InfoContext(ctx, "it is not known for a moment whether streams are limited in the event store", "error", err)
		if pause.For(ctx, limitsAgain) != nil {
			return
		}
	}
}

// warnOfLimits says once, in the log, whether the store takes events of this
// system's streams away, now or as they grow. It runs beside everything else,
// and nothing waits for it or fails with it.
func (a *App) warnOfLimits(ctx context.Context) {
	store, ok := a.Log.(eventlog.Truncations)
	if !ok {
		return
	}
	var list []eventlog.Truncated
	var total int
	for try := 1; ; try++ {
		var err error
		if list, total, err = truncatedWithin(ctx, store); err == nil {
			break
		}
		if ctx.Err() != nil || try == limitsTries {
			return // audit replay says it too
		}
		if try == 1 {
			a.Logger.InfoContext(ctx, "it is not known yet whether streams are limited in the event store", "error", err)
		}
		if pause.For(ctx, limitsAgain) != nil {
			return
		}
	}
	if total == 0 {
		return
	}
	var names []string
	for _, s := range list[:min(len(list), LimitsTold)] {
		names = append(names, fmt.Sprintf("%s (%s)", s.Stream, s.How))
	}
	a.Logger.WarnContext(ctx, "the event store takes events of streams away; nothing is decided about a stream that lacks events. "+
		"Take $maxCount, $maxAge and $tb out of their metadata, restore deleted ones, and look at what is missing with `orderflow audit replay`",
		"streams", total, "first", strings.Join(names, ", "))
}

// truncatedWithin asks a store for limitsWait at most.
func truncatedWithin(ctx context.Context, store eventlog.Truncations) ([]eventlog.Truncated, int, error) {
	ctx, cancel := context.WithTimeout(ctx, limitsWait)
	defer cancel()
	return store.TruncatedStreams(ctx, audit.Categories()...)
}
