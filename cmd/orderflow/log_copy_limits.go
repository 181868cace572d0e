package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"orderflow/cmd/orderflow/internal/audit"
	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// The rule of a copy about streams that have $maxCount, $maxAge or $tb, or were
// deleted. Until a scavenge a server hides their events from readers of the
// stream and keeps them in the log:
//
//	source  copied whole, without the limit, and named in the report; refused if an event is gone
//	target  refused, because what is copied there would be hidden

// limits returns the streams of the source that are limited or deleted, and how.
func (w *copyWork) limits(ctx context.Context) (map[eventlog.Stream]string, error) {
	list, total, err := truncatedStreams(ctx, w.from)
	if err != nil {
		return nil, err
	}
	if total > len(list) {
		return nil, domain.Errorf(domain.Incomplete, "In the source, %s, %d streams are limited or deleted, first %s. Of more than %d it cannot be told that their events are all there, so nothing was copied; "+
			"take $maxCount, $maxAge and $tb out of their metadata, restore deleted ones, and run the copy again.", w.from.name, total, named(list), len(list))
	}
	limits := map[eventlog.Stream]string{}
	for _, t := range list {
		limits[t.Stream] = t.How
	}
	return limits, nil
}

// targetHides returns an error if the target hides events of streams that are copied.
func (w *copyWork) targetHides(ctx context.Context) error {
	list, total, err := truncatedStreams(ctx, w.to)
	if err != nil || total == 0 {
		return err
	}
	return domain.Errorf(domain.Incomplete, "The target, %s, hides events of %d streams of orderflow, or will, and so those that are copied there: %s. "+
		"Take $maxCount, $maxAge and $tb out of their metadata and restore deleted ones, or name another target with --to.", w.to.name, total, named(list))
}

// truncatedStreams lists the streams of orderflow that an end says it hides events of.
func truncatedStreams(ctx context.Context, end copyEnd) (list []eventlog.Truncated, total int, err error) {
	log, ok := end.log.(eventlog.Truncations)
	if !ok {
		return nil, 0, nil
	}
	if list, total, err = log.TruncatedStreams(ctx, audit.OurCategories()...); err != nil {
		return nil, 0, domain.Wrap(domain.KindOf(err), err, "It cannot be told whether %s hides events", end.name)
	}
	return list, total, nil
}

// named names the first of some streams, with how they are limited.
func named(list []eventlog.Truncated) string {
	var names []string
	for _, t := range list[:min(len(list), namedStreams)] {
		names = append(names, fmt.Sprintf("%s (%s)", t.Stream, t.How))
	}
	return strings.Join(names, ", ")
}

// limited notes the streams of the source that are copied without their limits.
func (r *copyReport) limited(limits map[eventlog.Stream]string) {
	list := make([]eventlog.Truncated, 0, len(limits))
	for s, how := range limits {
		list = append(list, eventlog.Truncated{Stream: s, How: how})
	}
	slices.SortFunc(list, func(a, b eventlog.Truncated) int { return cmp.Compare(a.Stream, b.Stream) })
	r.LimitedStreams, r.Limited = len(list), nil
	for _, t := range list[:min(len(list), namedStreams)] {
		r.Limited = append(r.Limited, fmt.Sprintf("%s (%s)", t.Stream, t.How))
	}
}
