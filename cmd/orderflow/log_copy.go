package main

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"time"

	"orderflow/cmd/orderflow/internal/audit"
	"orderflow/cmd/orderflow/internal/node"
	"orderflow/cmd/orderflow/internal/terminal"
	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// logCopyCmd copies a log between data directories, nodes and clusters.
type logCopyCmd struct {
	From    string `required:"" help:"Where the log is: a data directory that no server uses, or the connection string of an event store. The string may hold a password: better set the variable." placeholder:"DIR|esdb://…" env:"ORDERFLOW_COPY_FROM"`
	To      string `required:"" help:"Where it is to be: likewise. It is empty, or holds the beginning of this log." placeholder:"DIR|esdb://…" env:"ORDERFLOW_COPY_TO"`
	Verify  bool   `help:"Copy nothing: read both and compare."`
	Streams bool   `help:"List each stream with the number of its events and their sum too."`
	JSON    bool   `help:"Print one JSON object."`
}

// Help is shown under the subcommand's own --help.
func (c *logCopyCmd) Help() string {
	return terminal.Usage("Copies all events of orders, stock, payments, parcels, articles and fulfilment, in the order in which they are in the log, with their streams, " +
		"versions, ids, types, data, metadata and times: where a server stamps times of its own, the first one is kept in the metadata and is what every command shows. " +
		"Events of other programs and of the servers themselves are not copied; how many there were is printed.\n\n" +
		"A copy that was interrupted, even by kill -9 of either side, is run again: it compares what is there and goes on behind it. " +
		"A target with other events of these kinds is refused, and so is one that hides events of them, and a source whose streams have holes. " +
		"Streams of the source that have $maxCount, $maxAge or $tb, or were deleted, are copied whole and without that, as long as no scavenge removed events; they are named.\n\n" +
		"At the end both logs are read from the first event and compared. The sum of a stream, and of all, is a chain of SHA-256 over its events. " +
		"docs/moving.md is the runbook of moving a system.")
}

// Run copies and compares.
func (c *logCopyCmd) Run(ctx context.Context, s terminal.Streams, logger *slog.Logger) (err error) {
	from, to, err := c.open(ctx, logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.log.Close(), to.log.Close()) }()
	report := &copyReport{From: from.name, To: to.name}
	lister := newLister(s.Out, c.Streams, c.JSON)
	work := copyWork{from: from, to: to, most: censusStreams, watch: watchedBy(s.Err, logger), each: lister.each}
	begun := time.Now()
	if c.Verify {
		err = work.verify(ctx, report, -1)
	} else {
		err = work.copyAll(ctx, report)
	}
	if err != nil {
		return err
	}
	report.ElapsedSeconds = time.Since(begun).Seconds()
	if err := lister.end(report); err != nil {
		return err
	}
	return report.verdict()
}

// open opens both ends.
func (c *logCopyCmd) open(ctx context.Context, logger *slog.Logger) (from, to copyEnd, err error) {
	source, err := endConfig("--from", c.From)
	if err != nil {
		return from, to, err
	}
	target, err := endConfig("--to", c.To)
	if err != nil {
		return from, to, err
	}
	if same(source, target) {
		return from, to, domain.Errorf(domain.Invalid, "--from and --to are the same log; name another one.")
	}
	if from, err = openEnd(ctx, source, false, logger); err != nil {
		return from, to, domain.Wrap(domain.KindOf(err), err, "The log named with --from cannot be opened")
	}
	if to, err = openEnd(ctx, target, !c.Verify, logger); err != nil {
		return from, to, errors.Join(domain.Wrap(domain.KindOf(err), err, "The log named with --to cannot be opened"), from.log.Close())
	}
	return from, to, nil
}

// same reports whether two ends are one log, as far as their names tell.
func same(a, b node.Config) bool {
	if a.EventStore != "" || b.EventStore != "" {
		return a.EventStore == b.EventStore
	}
	return linked(a.Data) == linked(b.Data)
}

// linked returns a path without symbolic links, if there is something there.
func linked(path string) string {
	if p, err := filepath.EvalSymlinks(path); err == nil {
		return p
	}
	return path
}

// copyWork is one copy, or one comparison.
// See docs/adr/013.
type copyWork struct {
	from, to copyEnd
	most     int // streams held at once
	watch    func(what string, total int64) (set func(done int64), end func())
	each     func(s eventlog.Stream, from, to streamSum) error
}

// copyAll looks at the source, copies what the target lacks, and compares.
func (w *copyWork) copyAll(ctx context.Context, report *copyReport) error {
	if err := w.targetHides(ctx); err != nil {
		return err
	}
	total, err := w.survey(ctx, report)
	if err != nil {
		return err
	}
	set, end := w.watch("copying the log", total)
	c := copying{from: w.from, to: w.to, seen: set}
	begun := time.Now()
	err = c.run(ctx)
	end()
	if err != nil {
		return err
	}
	report.Copied, report.Passed = c.copied, c.passed
	report.CopySeconds = time.Since(begun).Seconds()
	report.EventsPerSecond = float64(c.copied) / max(report.CopySeconds, 1e-9)
	return w.verify(ctx, report, c.passed+c.copied)
}

// survey reads the source once: nothing is appended before it is known to be
// whole, and to be such as the target takes it.
func (w *copyWork) survey(ctx context.Context, report *copyReport) (events int64, err error) {
	source := &counted{limit: -1, reader: func() *copyReader { return &copyReader{log: w.from.log} }}
	set, end := w.watch("reading the source", 0)
	defer end()
	count := census{logs: []*counted{source}, most: w.most, seen: set}
	if picky, ok := w.to.log.(interface {
		Accepts(s eventlog.Stream, e eventlog.Pending) error
	}); ok {
		count.check = func(r eventlog.Recorded) error {
			if err := picky.Accepts(r.Stream, copyOf(r)); err != nil {
				return domain.Wrap(domain.Invalid, err, "Version %d of %s cannot be copied to %s as it is, so nothing was", r.Version, r.Stream, w.to.name)
			}
			return nil
		}
	}
	limits, err := w.limits(ctx)
	if err != nil {
		return 0, err
	}
	report.limited(limits)
	count.each = func(s eventlog.Stream, _ []streamSum) error {
		delete(limits, s)
		return nil
	}
	if err := count.run(ctx); err != nil {
		return 0, domain.Wrap(domain.KindOf(err), err, "The source, %s, cannot be copied", w.from.name)
	}
	for s := range limits { // nothing is left of these
		source.addSum(&streamSum{hole: eventlog.ErrIncomplete(s, 1, 0)})
	}
	report.Others, report.System = source.last.others, source.last.system
	return source.all.events, source.incomplete(w.from.name)
}

// incomplete returns an error that names the streams with holes, nil if there is none.
func (l *counted) incomplete(name string) error {
	if l.holed == 0 {
		return nil
	}
	return domain.Wrap(domain.Incomplete, errors.Join(l.holes...), "%s lacks events in %d streams, so nothing was copied", name, l.holed)
}

// verify reads both logs from the first event and compares them; of the source
// only limit events, unless that is negative. A target that hides events is no
// copy, for they are in its log and its readers are not shown them.
func (w *copyWork) verify(ctx context.Context, report *copyReport, limit int64) error {
	if err := w.targetHides(ctx); err != nil {
		return err
	}
	side := func(log eventlog.Store, limit int64) *counted {
		return &counted{limit: limit, reader: func() *copyReader { return &copyReader{log: log, categories: audit.OurCategories()} }}
	}
	from, to := side(w.from.log, limit), side(w.to.log, -1)
	set, end := w.watch("comparing both logs", max(limit, 0))
	defer end()
	count := census{logs: []*counted{from, to}, most: w.most, seen: set}
	count.each = func(s eventlog.Stream, sums []streamSum) error {
		report.compare(s, sums[0], sums[1])
		if w.each == nil {
			return nil
		}
		return w.each(s, sums[0], sums[1])
	}
	if err := count.run(ctx); err != nil {
		return domain.Wrap(domain.KindOf(err), err, "The logs cannot be compared")
	}
	report.fill(from, to)
	return nil
}
