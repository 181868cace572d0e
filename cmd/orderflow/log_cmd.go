package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"orderflow/cmd/orderflow/internal/admin"
	"orderflow/cmd/orderflow/internal/node"
	"orderflow/cmd/orderflow/internal/target"
	"orderflow/cmd/orderflow/internal/terminal"
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

// refuseServed refuses a log that is not in a data directory.
func refuseServed(n target.Source) error {
	if n.ServerURL() == "" && n.EventStore != "" {
		return node.ErrNotOurs()
	}
	return nil
}

// looksAt verifies the log of a data directory that no process has open.
func looksAt(ctx context.Context, c node.Config, s terminal.Streams, logger *slog.Logger) (r pebblelog.Report, err error) {
	if err := c.Exists(); err != nil {
		return r, err
	}
	bar := terminal.NewProgress(s.Err, "verifying the log", 0)
	defer bar.End()
	r, err = pebblelog.Verify(ctx, c.LogDir(), pebblelog.Options{Logger: logger}, func(at, end eventlog.Position) {
		bar.Total = int64(end)
		bar.Set(int64(at))
	})
	if domain.KindOf(err) == domain.Unavailable {
		return r, node.ErrInUse(c, err)
	}
	return r, err
}

type logVerifyCmd struct {
	target.Source
	JSON bool `help:"Print one JSON object."`
}

// Help is shown under the subcommand's own --help.
func (c *logVerifyCmd) Help() string {
	return terminal.Usage("Reads every block of every table, every event and every index, and changes nothing. " +
		"A running server verifies its own log beside its work. The exit code is 1 when anything is wrong. " +
		"Of a log in EventStoreDB it says which streams lack events, because they were truncated or deleted there; an embedded log never hides any.")
}

// Run verifies the log of a data directory, or asks a running server to.
func (c *logVerifyCmd) Run(ctx context.Context, s terminal.Streams, logger *slog.Logger) error {
	r, err := c.look(ctx, s, logger)
	if err != nil {
		return err
	}
	switch {
	case c.JSON:
		err = terminal.PrintJSON(s.Out, r)
	case r.Served:
		err = showServed(s, r)
	default:
		err = showReport(s, r.Report)
	}
	switch {
	case err != nil:
		return err
	case r.IncompleteStreams > 0:
		return r.Err()
	case r.Broken > 0:
		return domain.Errorf(domain.Internal, "The log is broken in %d places. Put a copy of it in its place, as `orderflow log backup` makes them.", r.Broken)
	case r.Loss != "":
		return domain.Errorf(domain.Internal, "The log is not what it was. Put a copy of it in its place that is at least as long; "+
			"or, if what is missing is known to be lost, say so with `orderflow log accept-loss --data %s`.", c.Config().Data)
	}
	return nil
}

// look verifies the log, wherever it is.
func (c *logVerifyCmd) look(ctx context.Context, s terminal.Streams, logger *slog.Logger) (r admin.LogReport, err error) {
	switch at := c.ServerURL(); {
	case at != "":
		r, err = admin.New(at).VerifyLog(ctx)
	case c.EventStore != "":
		return looksAtServed(ctx, c.Source, s, logger)
	default:
		r.Report, err = looksAt(ctx, c.Config(), s, logger)
	}
	if !r.Served {
		r.OK = r.Report.OK()
	}
	return r, err
}

func showReport(s terminal.Streams, r pebblelog.Report) error {
	t := terminal.NewTable(s.Out, "what", "in the log")
	t.Row("ends at position", terminal.Grouped(int64(r.End)))
	t.Row("reached at least, by its checkpoint", terminal.Grouped(int64(r.Checkpoint)))
	t.Row("whole events", terminal.Grouped(r.Events))
	t.Row("tables", terminal.Grouped(int64(r.Tables)))
	t.Row("blocks", terminal.Grouped(int64(r.Blocks)))
	t.Row("bytes of tables", terminal.Grouped(r.Bytes))
	t.Row("broken places", terminal.Grouped(int64(r.Broken)))
	t.Row("is what it was", terminal.YesNo(r.Loss == "" && r.Broken == 0))
	if err := t.Flush(); err != nil {
		return err
	}
	for _, line := range r.Damage {
		fmt.Fprintln(s.Out, line)
	}
	if r.Broken > len(r.Damage) {
		fmt.Fprintf(s.Out, "… and %d more\n", r.Broken-len(r.Damage))
	}
	if r.Loss != "" {
		fmt.Fprintln(s.Out, r.Loss)
	}
	return nil
}

type logBackupCmd struct {
	target.Source
	JSON bool   `help:"Print one JSON object."`
	To   string `arg:"" name:"TO" help:"A data directory that has no log yet; a server makes it on its own machine." type:"path"`
}

// Help is shown under the subcommand's own --help.
func (c *logBackupCmd) Help() string {
	return terminal.Usage("TO becomes a data directory: verify it with `orderflow log verify --data TO`, restore by putting TO/log in the place of the log. " +
		"The log alone is copied, for all views are computed from it. A server takes appends meanwhile. On the disk of the log itself " +
		"its files are linked, which costs no space and saves from nothing that happens to the disk. The copy holds the key of the log: keep it as secret.")
}

// Run copies the log of a data directory, or asks a running server to.
func (c *logBackupCmd) Run(ctx context.Context, s terminal.Streams, logger *slog.Logger) (err error) {
	if err := refuseServed(c.Source); err != nil {
		return err
	}
	made, err := c.copyLog(ctx, logger)
	if err != nil {
		return err
	}
	if c.JSON {
		return terminal.PrintJSON(s.Out, made)
	}
	_, err = fmt.Fprintf(s.Out, "The log is copied to %s; verify it with `orderflow log verify --data %s`.\n", made.Log, made.Data)
	return err
}

func (c *logBackupCmd) copyLog(ctx context.Context, logger *slog.Logger) (made admin.LogCopied, err error) {
	if at := c.ServerURL(); at != "" {
		return admin.New(at).BackUp(ctx, c.To)
	}
	log, err := c.OpenLog(ctx, logger)
	if err != nil {
		return made, err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	return node.BackUp(ctx, log, c.To)
}

type logAcceptLossCmd struct {
	Data string `required:"" help:"The data directory; no server may use it." placeholder:"DIR" type:"path"`
	Yes  bool   `help:"Accept it; without this only what is lost is shown."`
	JSON bool   `help:"Print one JSON object."`
}

// Help is shown under the subcommand's own --help.
func (c *logAcceptLossCmd) Help() string {
	return terminal.Usage("For an operator who knows that what is missing will not come back: what is there becomes the log, and a new checkpoint is signed. " +
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
func (c *logAcceptLossCmd) Run(ctx context.Context, s terminal.Streams, logger *slog.Logger) error {
	conf := node.Config{Data: c.Data}
	r, err := looksAt(ctx, conf, s, logger)
	if err != nil {
		return err
	}
	if r.Broken > 0 {
		return domain.Errorf(domain.Internal, "The log in %s is broken, which cannot be accepted: %s. Put a copy of it in its place, as `orderflow log backup` makes them.",
			conf.LogDir(), r.Damage[0])
	}
	view := acceptedView{End: int64(r.End), Checkpoint: int64(r.Checkpoint), LostEvents: int64(max(r.Checkpoint-r.End, 0)), Loss: r.Loss}
	if c.Yes && r.Loss != "" {
		if err := acceptLoss(conf, logger); err != nil {
			return err
		}
		view.Accepted = true
	}
	if c.JSON {
		err = terminal.PrintJSON(s.Out, view)
	} else {
		err = c.show(s, conf, view)
	}
	if err == nil && r.Loss != "" && !c.Yes {
		return domain.Errorf(domain.Invalid, "Nothing was changed. Say --yes to accept that this is lost.")
	}
	return err
}

func acceptLoss(c node.Config, logger *slog.Logger) error {
	log, err := node.OpenLogWith(c, pebblelog.Options{Logger: logger, AcceptLoss: true})
	if err != nil {
		return err
	}
	return log.Close()
}

func (c *logAcceptLossCmd) show(s terminal.Streams, conf node.Config, v acceptedView) error {
	if v.Loss == "" {
		_, err := fmt.Fprintln(s.Out, "Nothing is lost: the log is what its checkpoint saw. Nothing was changed.")
		return err
	}
	t := terminal.NewTable(s.Out, "what", "position")
	t.Row("the log ends at", terminal.Grouped(v.End))
	t.Row("its checkpoint saw", terminal.Grouped(v.Checkpoint))
	t.Row("events lost at least", terminal.Grouped(v.LostEvents))
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(s.Out, v.Loss)
	if v.Accepted {
		fmt.Fprintf(s.Out, "The loss is accepted. Now rebuild all views: remove %s, and the next start computes them anew from the log.\n", conf.ViewsDir())
	}
	return nil
}
