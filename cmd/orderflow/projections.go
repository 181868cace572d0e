package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"orderflow/domain"
	"orderflow/projections"
)

// projectionsCmd looks after the views.
type projectionsCmd struct {
	List    projectionsListCmd    `cmd:"" help:"Show how far each group of views is behind the log."`
	Rebuild projectionsRebuildCmd `cmd:"" help:"Compute views anew from the first event, beside the serving ones, and switch."`
	Verify  projectionsVerifyCmd  `cmd:"" help:"Compare views row by row with what the log says, and sums with sums taken another way."`
}

// views works on the views of one node.
type views interface {
	Status(ctx context.Context) ([]projections.Status, error)
	Rebuild(ctx context.Context, group string, progress func(projections.Progress)) (projections.Rebuilt, error)
	Verify(ctx context.Context, group string, progress func(projections.Progress)) (projections.Report, error)
}

// with opens the views of a data directory or of PostgreSQL, or those of a running server.
func (n node) with(ctx context.Context, logger *slog.Logger, use func(views) error) (err error) {
	if n, err = n.resolve(ctx, logger); err != nil {
		return err
	}
	if at := n.server(); at != "" {
		return use(newAdmin(at))
	}
	c := n.config()
	if err := c.exists(); err != nil {
		return err
	}
	lock, err := lockData(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	log, err := openLog(ctx, c, logger, logHooks{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	keeper, err := openKeeper(ctx, c, logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, keeper.close()) }()
	store, err := keeper.views(ctx)
	if err != nil {
		return err
	}
	if _, err := checkViews(ctx, keeper, log, store); err != nil {
		return err
	}
	if err := warnOfDoubts(ctx, log, store, logger); err != nil {
		return err
	}
	return use(projections.NewRunner(projections.Config{Log: log, Views: store, Logger: logger}))
}

// groups are the groups that were named, or all.
func groups(named []string) ([]string, error) {
	if len(named) == 0 {
		for _, g := range projections.Groups() {
			named = append(named, g.Name)
		}
		return named, nil
	}
	for _, name := range named {
		if _, err := projections.GroupOf(name); err != nil {
			return nil, err
		}
	}
	return named, nil
}

type projectionsListCmd struct {
	node
	JSON bool `help:"Print JSON for programs."`
}

type statusView struct {
	Group      string  `json:"group"`
	State      string  `json:"state"`
	Error      string  `json:"error,omitempty"`
	Position   int64   `json:"position"`
	End        int64   `json:"end"`
	LagEvents  int64   `json:"lag_events"`
	LagSeconds float64 `json:"lag_s"`
	Rebuilding bool    `json:"rebuilding"`
	Incomplete int64   `json:"incomplete_streams,omitempty"` // whose events are set aside
}

// Run lists the groups.
func (c *projectionsListCmd) Run(ctx context.Context, s streams, logger *slog.Logger) error {
	return c.with(ctx, logger, func(v views) error {
		all, err := v.Status(ctx)
		if err != nil {
			return err
		}
		rows := make([]statusView, len(all))
		for i, st := range all {
			rows[i] = statusView{
				Group: st.Group, State: string(st.State), Error: st.Error, Position: int64(st.Position), End: int64(st.End),
				LagEvents: st.LagEvents, LagSeconds: st.Lag.Seconds(), Rebuilding: st.Rebuilding, Incomplete: st.Incomplete,
			}
		}
		if c.JSON {
			return printJSON(s.out, rows)
		}
		t := newTable(s.out, "group", "state", "position", "end", "lag events", "lag", "error")
		for _, r := range rows {
			t.row(r.Group, stateInWords(r.State), r.Position, r.End, lagInWords(r.LagEvents), seconds(r.LagSeconds), r.Error)
		}
		if err := t.flush(); err != nil {
			return err
		}
		for _, r := range rows {
			sayIncomplete(s.out, r.Group, r.Incomplete)
		}
		return nil
	})
}

// stateInWords says of a group that nobody moves that this is no fault.
func stateInWords(state string) string {
	if state == string(projections.Stopped) {
		return "not running: no node works on this directory"
	}
	return state
}

// lagInWords says of events that are counted no further that there may be more.
func lagInWords(events int64) string {
	if events >= projections.MaxLagEvents {
		return grouped(events) + " or more"
	}
	return grouped(events)
}

// sayIncomplete tells of the streams of which a view set events aside.
func sayIncomplete(w io.Writer, group string, streams int64) {
	if streams > 0 {
		fmt.Fprintf(w, "%s: the log lacks the beginning of %s streams; their events are not in the view. `orderflow audit replay` names them.\n", group, grouped(streams))
	}
}

type projectionsRebuildCmd struct {
	node
	JSON   bool     `help:"Print JSON for programs."`
	Groups []string `arg:"" optional:"" name:"GROUP" help:"orders, stock, products; all if none is named."`
}

type rebuiltView struct {
	Group           string  `json:"group"`
	Events          int64   `json:"events"`
	Position        int64   `json:"position"`
	ElapsedSeconds  float64 `json:"elapsed_s"`
	EventsPerSecond float64 `json:"events_per_s"`
}

// Run rebuilds groups, one after the other.
func (c *projectionsRebuildCmd) Run(ctx context.Context, s streams, logger *slog.Logger) error {
	names, err := groups(c.Groups)
	if err != nil {
		return err
	}
	return c.with(ctx, logger, func(v views) error {
		var rows []rebuiltView
		for _, name := range names {
			r, err := rebuild(ctx, v, name, s.err)
			if err != nil {
				return err
			}
			rows = append(rows, rebuiltView{r.Group, r.Events, int64(r.Position), r.Elapsed.Seconds(), perSecond(r.Events, r.Elapsed)})
		}
		if c.JSON {
			return printJSON(s.out, rows)
		}
		t := newTable(s.out, "group", "events", "position", "time", "events/s")
		for _, r := range rows {
			t.row(r.Group, grouped(r.Events), r.Position, seconds(r.ElapsedSeconds), grouped(int64(r.EventsPerSecond)))
		}
		return t.flush()
	})
}

func rebuild(ctx context.Context, v views, name string, w io.Writer) (projections.Rebuilt, error) {
	bar := newProgress(w, "rebuilding "+name, 0)
	defer bar.end()
	return v.Rebuild(ctx, name, bar.follow)
}

// follow shows how far a rebuild or a verification has come.
func (p *progress) follow(at projections.Progress) {
	p.reach(at.Position, at.End, at.Events)
}

type projectionsVerifyCmd struct {
	node
	JSON   bool     `help:"Print JSON for programs."`
	Groups []string `arg:"" optional:"" name:"GROUP" help:"orders, stock, products; all if none is named."`
}

// Help is shown under the subcommand's own --help.
func (c *projectionsVerifyCmd) Help() string {
	return usage("The exit code is 1 when a view does not tell what the log tells; rebuild it then.")
}

type reportView struct {
	Group       string           `json:"group"`
	OK          bool             `json:"ok"`
	Position    int64            `json:"position"`
	Rows        int64            `json:"rows"`
	Events      int64            `json:"events"`
	Sums        map[string]int64 `json:"sums"`
	Different   int64            `json:"different"`
	Differences []string         `json:"differences,omitempty"`
	Incomplete  int64            `json:"incomplete_streams,omitempty"` // whose events are set aside
	Holes       []string         `json:"incomplete,omitempty"`         // the first of them
}

// Run verifies groups, one after the other.
func (c *projectionsVerifyCmd) Run(ctx context.Context, s streams, logger *slog.Logger) error {
	names, err := groups(c.Groups)
	if err != nil {
		return err
	}
	return c.with(ctx, logger, func(v views) error {
		var rows []reportView
		var different int64
		for _, name := range names {
			r, err := verify(ctx, v, name, s.err)
			if err != nil {
				return err
			}
			different += r.Different
			rows = append(rows, reportOf(r))
		}
		if err := c.show(s.out, rows); err != nil {
			return err
		}
		if err := sayBehind(ctx, v, rows, s.err); err != nil {
			return err
		}
		if different > 0 {
			return domain.Errorf(domain.Internal, "%d differences between views and log: rebuild with `orderflow projections rebuild`", different)
		}
		return nil
	})
}

// sayBehind tells of views that agree with the log as far as they have come,
// and have not come to its end: an empty one agrees with the beginning.
func sayBehind(ctx context.Context, v views, rows []reportView, w io.Writer) error {
	all, err := v.Status(ctx)
	if err != nil {
		return err
	}
	for _, st := range all {
		verified := slices.ContainsFunc(rows, func(r reportView) bool { return r.Group == st.Group })
		if verified && st.LagEvents > 0 && st.State != projections.Following {
			fmt.Fprintf(w, "orderflow: the view %s is at position %d, %s events behind the log; it was verified up to there, and follows when a node runs\n",
				st.Group, st.Position, lagInWords(st.LagEvents))
		}
	}
	return nil
}

func verify(ctx context.Context, v views, name string, w io.Writer) (projections.Report, error) {
	bar := newProgress(w, "verifying "+name, 0)
	defer bar.end()
	return v.Verify(ctx, name, bar.follow)
}

func reportOf(r projections.Report) reportView {
	view := reportView{
		Group: r.Group, OK: r.OK(), Position: int64(r.Position), Rows: r.Rows, Events: r.Events, Sums: r.Sums, Different: r.Different,
	}
	for _, d := range r.Differences {
		view.Differences = append(view.Differences, d.String())
	}
	view.Incomplete = r.Incomplete
	for _, h := range r.Holes {
		view.Holes = append(view.Holes, h.Stream)
	}
	return view
}

func (c *projectionsVerifyCmd) show(w io.Writer, rows []reportView) error {
	if c.JSON {
		return printJSON(w, rows)
	}
	t := newTable(w, "group", "agrees", "position", "rows", "events", "differences")
	for _, r := range rows {
		t.row(r.Group, yesNo(r.OK), r.Position, grouped(r.Rows), grouped(r.Events), grouped(r.Different))
	}
	if err := t.flush(); err != nil {
		return err
	}
	for _, r := range rows {
		for _, d := range r.Differences {
			fmt.Fprintln(w, d)
		}
		sayIncomplete(w, r.Group, r.Incomplete)
		for _, s := range r.Holes {
			fmt.Fprintln(w, s+" lacks its beginning.")
		}
	}
	return nil
}

func perSecond(n int64, took time.Duration) float64 { return float64(n) / max(took.Seconds(), 1e-9) }

func seconds(s float64) string { return fmt.Sprintf("%.3f s", s) }
