package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"orderflow/cmd/orderflow/internal/client"
	"orderflow/cmd/orderflow/internal/target"
	"orderflow/cmd/orderflow/internal/terminal"
	"orderflow/domain"
	"orderflow/internal/pause"
)

// watchPause is how long a watcher waits before it comes back after a stream ended.
const watchPause = time.Second

type orderWatchCmd struct {
	target.Target
	Order string `arg:"" help:"The order's id."`
	After int64  `help:"Go on after this position."`
	On    bool   `help:"Go on when the order has settled, for returns and refunds, until interrupted."`
}

// Help is shown under the subcommand's own --help.
func (c *orderWatchCmd) Help() string {
	return terminal.Usage("Prints everything that has happened to the order, and goes on until it is confirmed, rejected or cancelled: " +
		"one whose cancellation is under way is followed until it is cancelled. The work after that, as for returns, is shown as far as it had come; --on goes on.")
}

// Run prints an order's events as they happen, until it has settled.
func (c *orderWatchCmd) Run(ctx context.Context, s terminal.Streams, logger *slog.Logger) error {
	return c.With(ctx, logger, func(ctx context.Context, api *client.Client) error {
		past, err := eventsOf(ctx, api, c.Order)
		if err != nil {
			return err
		}
		way := way{until: past[len(past)-1].Position}
		for _, e := range past {
			if e.Position <= c.After {
				way.take(e)
			}
		}
		if !c.On && way.ended() {
			return nil
		}
		w := watcher{api: api, order: c.Order, last: c.After}
		for {
			done, err := w.follow(ctx, func(e client.EventView) (bool, error) {
				way.take(e)
				return !c.On && way.ended(), c.show(s.Out, e)
			})
			if done || err != nil {
				return err
			}
			if err := pause.For(ctx, watchPause); err != nil {
				return err
			}
		}
	})
}

// way is how far an order has been followed.
type way struct {
	until   int64 // the position of its last event when the watch began
	at      int64
	settled bool
}

// take follows one event more.
func (w *way) take(e client.EventView) {
	w.at = e.Position
	switch e.Type {
	case "order.confirmed.v1", "order.rejected.v1", "order.cancelled.v1":
		w.settled = true
	case "order.cancel_requested.v1": // a confirmed order is on its way again
		w.settled = false
	}
}

// ended says whether all that had happened was followed, and the order has
// settled since, apart from returns.
func (w *way) ended() bool { return w.settled && w.at >= w.until }

func (c *orderWatchCmd) show(w io.Writer, e client.EventView) error {
	if c.JSON {
		return json.NewEncoder(w).Encode(e)
	}
	_, err := fmt.Fprintf(w, "%s  %8d  %-32s  %s\n", e.At.Format(timelineTime), e.Position, e.Type, compact(e.Data))
	return err
}

// watcher follows one order over any number of connections.
type watcher struct {
	api   *client.Client
	order string
	last  int64 // the position of the last event that was told
}

// follow tells the events of one connection; it returns false and no error
// when the connection ended and it is worth coming back.
func (w *watcher) follow(ctx context.Context, tell func(client.EventView) (done bool, err error)) (bool, error) {
	r := client.Request{Method: http.MethodGet, Path: client.OrderPath(w.order) + "/watch"}
	if w.last > 0 {
		r.Last = fmt.Sprint(w.last)
	}
	answer, err := w.api.Send(ctx, r)
	if err != nil {
		return false, err
	}
	defer answer.Body.Close()
	return w.read(ctx, answer.Body, tell)
}

// read takes server-sent events from one connection.
func (w *watcher) read(ctx context.Context, body io.Reader, tell func(client.EventView) (done bool, err error)) (bool, error) {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, client.MaxAnswerBytes)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var e client.EventView
		if err := json.Unmarshal([]byte(data), &e); err != nil {
			return false, domain.Wrap(domain.Internal, err, "The server's events cannot be read")
		}
		done, err := tell(e)
		if done || err != nil {
			return done, err
		}
		w.last = e.Position
	}
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return false, lines.Err()
	}
	return false, nil
}
