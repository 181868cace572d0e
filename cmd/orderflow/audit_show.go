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

	"orderflow/cmd/orderflow/internal/audit"
	"orderflow/cmd/orderflow/internal/client"
	"orderflow/cmd/orderflow/internal/target"
	"orderflow/cmd/orderflow/internal/terminal"
	"orderflow/domain"
)

const (
	// timelineTime shows a moment of an order's life to the millisecond.
	timelineTime = "2006-01-02 15:04:05.000"
	// maxShownData bounds the data of an event in a table, in runes.
	maxShownData = 100
)

type auditShowCmd struct {
	target.Target
	Order string `arg:"" help:"The order's id."`
	client.AsOf
}

// Help is shown under the subcommand's own --help.
func (c *auditShowCmd) Help() string {
	return terminal.Usage("Prints the events of the order, its fulfilment, its payment and its parcel in the order of the log, " +
		"and then the order as it is folded from them, now or as of --version or --at; a * marks the events it was folded from.")
}

// history is what audit show answers.
type history struct {
	Order  client.OrderView   `json:"order"`
	Events []client.EventView `json:"events"`
	// Incomplete says which stream lacks events; then Events is empty.
	Incomplete string `json:"incomplete,omitempty"`
}

// Run shows the timeline and the state.
func (c *auditShowCmd) Run(ctx context.Context, s terminal.Streams, logger *slog.Logger) error {
	return c.With(ctx, logger, func(ctx context.Context, api *client.Client) error {
		var h history
		var err error
		if h.Order, err = api.Order(ctx, c.Order, c.Query(url.Values{})); err != nil {
			return err
		}
		var lost error
		if h.Events, err = eventsOf(ctx, api, c.Order); err != nil {
			if domain.KindOf(err) != domain.Incomplete {
				return err
			}
			lost, h.Events, h.Incomplete = err, []client.EventView{}, err.Error()
		}
		if c.JSON {
			return audit.FirstErr(terminal.PrintJSON(s.Out, h), lost)
		}
		return audit.FirstErr(c.show(s.Out, h), lost)
	})
}

// eventsOf reads all that happened to an order so far. More than a list can hold is refused: a history
// with a gap is none.
func eventsOf(ctx context.Context, c *client.Client, order string) ([]client.EventView, error) {
	r := client.Request{Method: http.MethodGet, Path: client.OrderPath(order) + "/events", Query: url.Values{"limit": {"200"}}}
	events, more, err := client.All[client.EventView](ctx, c, r, client.MaxRows)
	if more {
		return nil, domain.Errorf(domain.Exhausted, "The order has more than %d events; read them page by page at %s.", client.MaxRows, r.Path)
	}
	return events, err
}

func (c *auditShowCmd) show(w io.Writer, h history) error {
	if h.Incomplete != "" {
		fmt.Fprintf(w, "What follows is the view of the order, from when its events were all there.\n\n")
		return showOrder(w, h.Order)
	}
	t := terminal.NewTable(w, "", "position", "time", "stream", "version", "event", "by", "data")
	for _, e := range h.Events {
		mark := " "
		if e.Position <= h.Order.Position {
			mark = "*"
		}
		kind, _, _ := strings.Cut(e.Stream, "-")
		t.Row(mark, e.Position, e.At.Format(timelineTime), kind, e.Version, e.Type, e.Actor, compact(e.Data))
	}
	if err := t.Flush(); err != nil {
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
