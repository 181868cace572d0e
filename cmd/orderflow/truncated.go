package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"orderflow/domain/eventlog"
)

const (
	// limitsWait bounds the look at the limits of streams; a store with many
	// streams has as much metadata to read.
	limitsWait = time.Minute
	// limitsTold bounds the streams that the warning names.
	limitsTold = 5
)

// warnOfLimits says once, in the log, whether the store takes events of this
// system's streams away, now or as they grow. It runs beside everything else,
// and nothing waits for it or fails with it.
func (a *App) warnOfLimits(ctx context.Context) {
	store, ok := a.Log.(eventlog.Truncations)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, limitsWait)
	defer cancel()
	list, total, err := store.TruncatedStreams(ctx, categories()...)
	switch {
	case ctx.Err() != nil && err != nil:
		return // it ends, or it would take too long; audit replay says it too
	case err != nil:
		a.logger.InfoContext(ctx, "it is not known whether streams are limited in the event store", "error", err)
		return
	case total == 0:
		return
	}
	var names []string
	for _, s := range list[:min(len(list), limitsTold)] {
		names = append(names, fmt.Sprintf("%s (%s)", s.Stream, s.How))
	}
	a.logger.WarnContext(ctx, "the event store takes events of streams away; nothing is decided about a stream that lacks events. "+
		"Take $maxCount, $maxAge and $tb out of their metadata, restore deleted ones, and look at what is missing with `orderflow audit replay`",
		"streams", total, "first", strings.Join(names, ", "))
}
