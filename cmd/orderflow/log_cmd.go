package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/pebblelog"
)

// logCmd looks after the log itself.
type logCmd struct {
	Verify     logVerifyCmd     `cmd:"" help:"Read everything in the log and say what is wrong with it and where."`
	Backup     logBackupCmd     `cmd:"" help:"Copy the log, as it is at one moment, to a new data directory."`
	Copy       logCopyCmd       `cmd:"" help:"Copy the events between a data directory and an event store, in any direction, and compare."`
	AcceptLoss logAcceptLossCmd `cmd:"" name:"accept-loss" help:"Take a log that lost its end, or its checkpoint, as the truth from now on."`
}

// What a log can do of which a backup is made, and that is verified.
type (
	copied interface {
		Snapshot(ctx context.Context, dir string) error
	}
	readWhole interface {
		Verify(ctx context.Context, progress func(at, end eventlog.Position)) (pebblelog.Report, error)
	}
)

// embedded refuses a log that is not in a data directory.
func (n node) embedded() error {
	if n.server() == "" && n.EventStore != "" {
		return errNotOurs()
	}
	return nil
}

func errNotOurs() error {
	return domain.Errorf(domain.Invalid, "The log is in EventStoreDB, which looks after it: use its own tools.")
}

// verifyLog reads the log of the node whole.
func (a *App) verifyLog(ctx context.Context) (r logReport, err error) {
	quiet := func(eventlog.Position, eventlog.Position) {}
	log, ok := a.Log.(readWhole)
	if !ok {
		return verifyServed(ctx, a.Log, quiet)
	}
	r.Report, err = log.Verify(ctx, quiet)
	r.OK = r.Report.OK()
	return r, err
}

// backUp copies a log to a data directory, and returns the folder of the copy.
func backUp(ctx context.Context, log eventlog.Store, to string) (logCopied, error) {
	source, ok := log.(copied)
	if !ok {
		return logCopied{}, errNotOurs()
	}
	if !filepath.IsAbs(to) {
		return logCopied{}, domain.Errorf(domain.Invalid, "%q is no absolute path: a server has another working directory.", to)
	}
	dir := config{Data: to}.logDir()
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return logCopied{}, domain.Errorf(domain.Conflict, "There is a log in %s already; name another directory, a backup replaces nothing.", to)
	}
	if err := source.Snapshot(ctx, dir); err != nil {
		return logCopied{}, err
	}
	return logCopied{Data: to, Log: dir}, nil
}

// logCopied says where the copy of a log is.
type logCopied struct {
	Data string `json:"data"` // as in serve --data
	Log  string `json:"log"`
}

// errRefused says what an operator can do about a log that is not opened.
func errRefused(c config, refused *pebblelog.RefusedError) error {
	if refused.Loss {
		return domain.Wrap(domain.Internal, refused,
			"The event log in %s is not what it was and is not opened. Nothing in it was deleted. Put a copy of it in its place that is at least as long, "+
				"as `orderflow log backup` makes them; or, if what is missing is known to be lost, say so with `orderflow log accept-loss --data %s` and rebuild all views",
			c.logDir(), c.Data)
	}
	return domain.Wrap(domain.Internal, refused,
		"The event log in %s is broken and is not opened. Nothing in it was deleted. `orderflow log verify --data %s` says what is broken and where; "+
			"put a copy of the log in its place, as `orderflow log backup` makes them", c.logDir(), c.Data)
}

// looksAt verifies the log of a data directory that nobody works on.
func looksAt(ctx context.Context, c config, s streams, logger *slog.Logger) (r pebblelog.Report, err error) {
	if err := c.exists(); err != nil {
		return r, err
	}
	bar := newProgress(s.err, "verifying the log", 0)
	defer bar.end()
	r, err = pebblelog.Verify(ctx, c.logDir(), pebblelog.Options{Logger: logger}, func(at, end eventlog.Position) {
		bar.total = int64(end)
		bar.set(int64(at))
	})
	if domain.KindOf(err) == domain.Unavailable {
		return r, errInUse(c, err)
	}
	return r, err
}

type logVerifyCmd struct {
	node
	JSON bool `help:"Print one JSON object."`
}

// Help is shown under the subcommand's own --help.
func (c *logVerifyCmd) Help() string {
	return usage("Reads every block of every table, every event and every index, and changes nothing. " +
		"A running server verifies its own log beside its work. The exit code is 1 when anything is wrong. " +
		"Of a log in EventStoreDB it says which streams lack events, because they were truncated or deleted there; an embedded log never hides any.")
}

type logReport struct {
	OK bool `json:"ok"`
	pebblelog.Report
	servedReport
}

// Run verifies the log of a data directory, or asks a running server to.
func (c *logVerifyCmd) Run(ctx context.Context, s streams, logger *slog.Logger) error {
	r, err := c.look(ctx, s, logger)
	if err != nil {
		return err
	}
	switch {
	case c.JSON:
		err = printJSON(s.out, r)
	case r.Served:
		err = showServed(s, r)
	default:
		err = showReport(s, r.Report)
	}
	switch {
	case err != nil:
		return err
	case r.IncompleteStreams > 0:
		return r.err()
	case r.Broken > 0:
		return domain.Errorf(domain.Internal, "The log is broken in %d places. Put a copy of it in its place, as `orderflow log backup` makes them.", r.Broken)
	case r.Loss != "":
		return domain.Errorf(domain.Internal, "The log is not what it was. Put a copy of it in its place that is at least as long; "+
			"or, if what is missing is known to be lost, say so with `orderflow log accept-loss --data %s`.", c.config().Data)
	}
	return nil
}

// look verifies the log, wherever it is.
func (c *logVerifyCmd) look(ctx context.Context, s streams, logger *slog.Logger) (r logReport, err error) {
	switch at := c.server(); {
	case at != "":
		r, err = newAdmin(at).verifyLog(ctx)
	case c.EventStore != "":
		return c.looksAtServed(ctx, s, logger)
	default:
		r.Report, err = looksAt(ctx, c.config(), s, logger)
	}
	if !r.Served {
		r.OK = r.Report.OK()
	}
	return r, err
}

func showReport(s streams, r pebblelog.Report) error {
	t := newTable(s.out, "what", "in the log")
	t.row("ends at position", grouped(int64(r.End)))
	t.row("reached at least, by its checkpoint", grouped(int64(r.Checkpoint)))
	t.row("whole events", grouped(r.Events))
	t.row("tables", grouped(int64(r.Tables)))
	t.row("blocks", grouped(int64(r.Blocks)))
	t.row("bytes of tables", grouped(r.Bytes))
	t.row("broken places", grouped(int64(r.Broken)))
	t.row("is what it was", yesNo(r.Loss == "" && r.Broken == 0))
	if err := t.flush(); err != nil {
		return err
	}
	for _, line := range r.Damage {
		fmt.Fprintln(s.out, line)
	}
	if r.Broken > len(r.Damage) {
		fmt.Fprintf(s.out, "… and %d more\n", r.Broken-len(r.Damage))
	}
	if r.Loss != "" {
		fmt.Fprintln(s.out, r.Loss)
	}
	return nil
}

type logBackupCmd struct {
	node
	JSON bool   `help:"Print one JSON object."`
	To   string `arg:"" name:"TO" help:"A data directory that has no log yet; a server makes it on its own machine." type:"path"`
}

// Help is shown under the subcommand's own --help.
func (c *logBackupCmd) Help() string {
	return usage("TO becomes a data directory: verify it with `orderflow log verify --data TO`, restore by putting TO/log in the place of the log. " +
		"The log alone is copied, for all views are computed from it. A server takes appends meanwhile. On the disk of the log itself " +
		"its files are linked, which costs no space and saves from nothing that happens to the disk. The copy holds the key of the log: keep it as secret.")
}

// Run copies the log of a data directory, or asks a running server to.
func (c *logBackupCmd) Run(ctx context.Context, s streams, logger *slog.Logger) (err error) {
	if err := c.embedded(); err != nil {
		return err
	}
	made, err := c.copyLog(ctx, logger)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(s.out, made)
	}
	_, err = fmt.Fprintf(s.out, "The log is copied to %s; verify it with `orderflow log verify --data %s`.\n", made.Log, made.Data)
	return err
}

func (c *logBackupCmd) copyLog(ctx context.Context, logger *slog.Logger) (made logCopied, err error) {
	if at := c.server(); at != "" {
		return newAdmin(at).backUp(ctx, c.To)
	}
	log, err := c.openLog(ctx, logger)
	if err != nil {
		return made, err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	return backUp(ctx, log, c.To)
}

type logAcceptLossCmd struct {
	Data string `required:"" help:"The data directory; no server may use it." placeholder:"DIR" type:"path"`
	Yes  bool   `help:"Accept it; without this only what is lost is shown."`
	JSON bool   `help:"Print one JSON object."`
}

// Help is shown under the subcommand's own --help.
func (c *logAcceptLossCmd) Help() string {
	return usage("For an operator who knows that what is missing will not come back: what is there becomes the log, and a new checkpoint is signed. " +
		"What is broken cannot be accepted; restore it from a backup. Rebuild all views afterwards, by removing their folder: they may hold what is lost.")
}

type acceptedView struct {
	End        int64  `json:"end"`
	Checkpoint int64  `json:"checkpoint"`
	LostEvents int64  `json:"lost_events"` // at least; more may have followed the checkpoint
	Loss       string `json:"loss,omitempty"`
	Accepted   bool   `json:"accepted"`
}

// Run shows what is lost, and with --yes accepts it.
func (c *logAcceptLossCmd) Run(ctx context.Context, s streams, logger *slog.Logger) error {
	conf := config{Data: c.Data}
	r, err := looksAt(ctx, conf, s, logger)
	if err != nil {
		return err
	}
	if r.Broken > 0 {
		return domain.Errorf(domain.Internal, "The log in %s is broken, which cannot be accepted: %s. Put a copy of it in its place, as `orderflow log backup` makes them.",
			conf.logDir(), r.Damage[0])
	}
	view := acceptedView{End: int64(r.End), Checkpoint: int64(r.Checkpoint), LostEvents: int64(max(r.Checkpoint-r.End, 0)), Loss: r.Loss}
	if c.Yes && r.Loss != "" {
		if err := acceptLoss(conf, logger); err != nil {
			return err
		}
		view.Accepted = true
	}
	if c.JSON {
		err = printJSON(s.out, view)
	} else {
		err = c.show(s, conf, view)
	}
	if err == nil && r.Loss != "" && !c.Yes {
		return domain.Errorf(domain.Invalid, "Nothing was changed. Say --yes to accept that this is lost.")
	}
	return err
}

func acceptLoss(c config, logger *slog.Logger) error {
	log, err := openLogWith(c, pebblelog.Options{Logger: logger, AcceptLoss: true})
	if err != nil {
		return err
	}
	return log.Close()
}

func (c *logAcceptLossCmd) show(s streams, conf config, v acceptedView) error {
	if v.Loss == "" {
		_, err := fmt.Fprintln(s.out, "Nothing is lost: the log is what its checkpoint saw. Nothing was changed.")
		return err
	}
	t := newTable(s.out, "what", "position")
	t.row("the log ends at", grouped(v.End))
	t.row("its checkpoint saw", grouped(v.Checkpoint))
	t.row("events lost at least", grouped(v.LostEvents))
	if err := t.flush(); err != nil {
		return err
	}
	fmt.Fprintln(s.out, v.Loss)
	if v.Accepted {
		fmt.Fprintf(s.out, "The loss is accepted. Now rebuild all views: remove %s, and the next start computes them anew from the log.\n", conf.viewsDir())
	}
	return nil
}
