package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// timelineTime shows a moment of an order's life to the millisecond.
	timelineTime = "2006-01-02 15:04:05.000"
	// maxShownData bounds the data of an event in a table, in runes.
	maxShownData = 100
)

type auditShowCmd struct {
	target
	Order   string    `arg:"" help:"The order's id."`
	Version int64     `help:"Show the state as of this version of the order's own events." xor:"then"`
	At      time.Time `help:"Show the state as of this moment, as in 2026-01-31T12:00:00Z." xor:"then"`
}

// Help is shown under the subcommand's own --help.
func (c *auditShowCmd) Help() string {
	return usage("Prints the events of the order, its fulfilment, its payment and its parcel in the order of the log, " +
		"and then the order as it is folded from them, now or as of --version or --at; a * marks the events it was folded from.")
}

// history is what audit show answers.
type history struct {
	Order  orderView   `json:"order"`
	Events []eventView `json:"events"`
}

// Run shows the timeline and the state.
func (c *auditShowCmd) Run(ctx context.Context, s streams, logger *slog.Logger) error {
	return c.with(ctx, logger, func(ctx context.Context, api *client) error {
		var h history
		var err error
		r := request{method: http.MethodGet, path: orderPath(c.Order) + "/events", query: url.Values{"limit": {"200"}}}
		if h.Events, err = all[eventView](ctx, api, r, 0); err != nil {
			return err
		}
		if h.Order, err = api.order(ctx, c.Order, fresh{}, c.Version, c.At); err != nil {
			return err
		}
		if c.JSON {
			return printJSON(s.out, h)
		}
		return c.show(s.out, h)
	})
}

func (c *auditShowCmd) show(w io.Writer, h history) error {
	t := newTable(w, "", "position", "time", "stream", "version", "event", "by", "data")
	for _, e := range h.Events {
		mark := " "
		if e.Position <= h.Order.Position {
			mark = "*"
		}
		kind, _, _ := strings.Cut(e.Stream, "-")
		t.row(mark, e.Position, e.At.Format(timelineTime), kind, e.Version, e.Type, e.Actor, compact(e.Data))
	}
	if err := t.flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	return showOrder(w, h.Order)
}

// compact writes JSON on one line, cut to what a table bears.
func compact(data json.RawMessage) string {
	var b bytes.Buffer
	if json.Compact(&b, data) != nil {
		return string(data)
	}
	runes := []rune(b.String())
	if len(runes) > maxShownData {
		return string(runes[:maxShownData-1]) + "…"
	}
	return string(runes)
}
