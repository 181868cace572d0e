package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"

	"orderflow/cmd/orderflow/internal/admin"
	"orderflow/cmd/orderflow/internal/audit"
	"orderflow/cmd/orderflow/internal/target"
	"orderflow/cmd/orderflow/internal/terminal"
	"orderflow/domain/eventlog"
)

// auditReplayCmd adds up the log.
type auditReplayCmd struct {
	target.Source
	JSON bool `help:"Print one JSON object."`
}

// Help is shown under the subcommand's own --help.
func (c *auditReplayCmd) Help() string {
	return terminal.Usage("Reads every event from position 0 and nothing else: no view, no snapshot, no cache. " +
		"What it prints must agree with the views (projections verify) and with the gateway's own ledger. " +
		"Streams that lack events, because they were truncated or deleted in an EventStoreDB, are named, and the exit code is 1: the sums are without them.")
}

// Run replays the log of a data directory, or asks a running server to.
func (c *auditReplayCmd) Run(ctx context.Context, s terminal.Streams, logger *slog.Logger) error {
	result, err := c.replay(ctx, s, logger)
	if err != nil {
		return err
	}
	if c.JSON {
		return audit.FirstErr(terminal.PrintJSON(s.Out, result), result.Err())
	}
	return audit.FirstErr(c.show(s.Out, result), result.Err())
}

func (c *auditReplayCmd) show(w io.Writer, result audit.Replayed) error {
	t := terminal.NewTable(w, "what", "sum over the log")
	t.Row("events", terminal.Grouped(result.Events))
	t.Row("streams", terminal.Grouped(result.Streams))
	if result.IncompleteStreams > 0 {
		t.Row("streams that lack events", terminal.Grouped(result.IncompleteStreams))
	}
	if result.LimitedStreams > 0 {
		t.Row("streams that are limited", terminal.Grouped(result.LimitedStreams))
	}
	for _, status := range slices.Sorted(maps.Keys(result.Orders)) {
		t.Row("orders "+string(status), terminal.Grouped(result.Orders[status]))
	}
	for _, currency := range slices.Sorted(maps.Keys(result.CapturedMinor)) {
		t.Row("captured", terminal.Amount(result.CapturedMinor[currency], currency))
	}
	for _, currency := range slices.Sorted(maps.Keys(result.RefundedMinor)) {
		t.Row("refunded", terminal.Amount(result.RefundedMinor[currency], currency))
	}
	u := result.Units
	t.Row("units received", terminal.Grouped(u.Received))
	t.Row("units reserved", terminal.Grouped(u.Reserved))
	t.Row("units released", terminal.Grouped(u.Released))
	t.Row("units committed", terminal.Grouped(u.Committed))
	t.Row("units returned", terminal.Grouped(u.Returned))
	t.Row("time", fmt.Sprintf("%.2f s, %s events/s", result.ElapsedSeconds, terminal.Grouped(int64(result.EventsPerSecond))))
	if err := t.Flush(); err != nil {
		return err
	}
	result.Show(w)
	return nil
}

func (c *auditReplayCmd) replay(ctx context.Context, s terminal.Streams, logger *slog.Logger) (audit.Replayed, error) {
	n, err := c.Resolve(ctx, logger)
	if err != nil {
		return audit.Replayed{}, err
	}
	if at := n.ServerURL(); at != "" {
		return admin.AskReplay(ctx, at)
	}
	log, err := n.OpenLog(ctx, logger)
	if err != nil {
		return audit.Replayed{}, err
	}
	defer log.Close() //nolint:errcheck // it was only read
	end, err := log.End(ctx)
	if err != nil {
		return audit.Replayed{}, err
	}
	bar := terminal.NewProgress(s.Err, "replaying", 0)
	defer bar.End()
	return audit.Replay(ctx, log, func(at eventlog.Position, events int64) { bar.Reach(at, end, events) })
}
