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
	"orderflow/domain/eventlog"
)

// looksAtServed verifies the log in the EventStoreDB that the node names.
func looksAtServed(ctx context.Context, n target.Source, s terminal.Streams, logger *slog.Logger) (r admin.LogReport, err error) {
	log, err := n.OpenLog(ctx, logger)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	bar := terminal.NewProgress(s.Err, "verifying the log", 0)
	defer bar.End()
	return node.VerifyServed(ctx, log, func(at, end eventlog.Position) {
		bar.Total = int64(end)
		bar.Set(int64(at))
	})
}

func showServed(s terminal.Streams, r admin.LogReport) error {
	t := terminal.NewTable(s.Out, "what", "in the log")
	t.Row("ends at position", fmt.Sprint(int64(r.End)))
	t.Row("events of this system", terminal.Grouped(r.Events))
	t.Row("its streams", terminal.Grouped(r.Streams))
	t.Row("streams that lack events", terminal.Grouped(r.IncompleteStreams))
	t.Row("streams that are limited", terminal.Grouped(r.LimitedStreams))
	if err := t.Flush(); err != nil {
		return err
	}
	r.Show(s.Out)
	return nil
}
