package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"

	"orderflow/cmd/orderflow/internal/admin"
	"orderflow/cmd/orderflow/internal/node"
	"orderflow/cmd/orderflow/internal/target"
	"orderflow/cmd/orderflow/internal/terminal"
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

// withViews opens the views of a data directory or of PostgreSQL, or those of a running server.
func withViews(ctx context.Context, n target.Source, logger *slog.Logger, use func(views) error) (err error) {
	if n, err = n.Resolve(ctx, logger); err != nil {
		return err
	}
	if at := n.ServerURL(); at != "" {
		return use(admin.New(at))
	}
	c := n.Config()
	if err := c.Exists(); err != nil {
		return err
	}
	lock, err := node.LockData(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	log, err := node.OpenLog(ctx, c, logger, node.LogHooks{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	keeper, err := node.OpenBackend(ctx, c, logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, keeper.Close()) }()
	store, err := keeper.OpenViews(ctx)
	if err != nil {
		return err
	}
	if _, err := node.CheckViews(ctx, keeper, log, store); err != nil {
		return err
	}
	if err := node.WarnOfDoubts(ctx, log, store, logger); err != nil {
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
	target.Source
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
func (c *projectionsListCmd) Run(ctx context.Context, s terminal.Streams, logger *slog.Logger) error {
	return withViews(ctx, c.Source, logger, func(v views) error {
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
			return terminal.PrintJSON(s.Out, rows)
		}
		t := terminal.NewTable(s.Out, "group", "state", "position", "end", "lag events", "lag", "error")
		for _, r := range rows {
			t.Row(r.Group, stateInWords(r.State), r.Position, r.End, lagInWords(r.LagEvents), seconds(r.LagSeconds), r.Error)
		}
		if err := t.Flush(); err != nil {
			return err
		}
		for _, r := range rows {
			sayIncomplete(s.Out, r.Group, r.Incomplete)
		}
		return nil
	})
}

// stateInWords describes a state; a group that no process moves is not at fault.
func stateInWords(state string) string {
	if state == string(projections.Stopped) {
		return "not running: no node works on this directory"
	}
	return state
}

// lagInWords says of events that are counted no further that there may be more.
func lagInWords(events int64) string {
	if events >= projections.MaxLagEvents {
		return terminal.Grouped(events) + " or more"
	}
	return terminal.Grouped(events)
}

// sayIncomplete tells of the streams of which a view set events aside.
func sayIncomplete(w io.Writer, group string, streams int64) {
	if streams > 0 {
		fmt.Fprintf(w, "%s: the log lacks the beginning of %s streams; their events are not in the view. `orderflow audit replay` names them.\n", group, terminal.Grouped(streams))
	}
}

type projectionsRebuildCmd struct {
	target.Source
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
func (c *projectionsRebuildCmd) Run(ctx context.Context, s terminal.Streams, logger *slog.Logger) error {
	names, err := groups(c.Groups)
	if err != nil {
		return err
	}
	return withViews(ctx, c.Source, logger, func(v views) error {
		var rows []rebuiltView
		for _, name := range names {
			r, err := rebuild(ctx, v, name, s.Err)
			if err != nil {
				return err
			}
			rows = append(rows, rebuiltView{r.Group, r.Events, int64(r.Position), r.Elapsed.Seconds(), terminal.PerSecond(r.Events, r.Elapsed)})
		}
		if c.JSON {
			return terminal.PrintJSON(s.Out, rows)
		}
		t := terminal.NewTable(s.Out, "group", "events", "position", "time", "events/s")
		for _, r := range rows {
			t.Row(r.Group, terminal.Grouped(r.Events), r.Position, seconds(r.ElapsedSeconds), terminal.Grouped(int64(r.EventsPerSecond)))
		}
		return t.Flush()
	})
}

func rebuild(ctx context.Context, v views, name string, w io.Writer) (projections.Rebuilt, error) {
	bar := terminal.NewProgress(w, "rebuilding "+name, 0)
	defer bar.End()
	return v.Rebuild(ctx, name, follow(bar))
}

// follow shows how far a rebuild or a verification has come.
func follow(bar *terminal.Progress) func(projections.Progress) {
	return func(at projections.Progress) { bar.Reach(at.Position, at.End, at.Events) }
}

type projectionsVerifyCmd struct {
	target.Source
	JSON   bool     `help:"Print JSON for programs."`
	Groups []string `arg:"" optional:"" name:"GROUP" help:"orders, stock, products; all if none is named."`
}

// Help is shown under the subcommand's own --help.
func (c *projectionsVerifyCmd) Help() string {
	return terminal.Usage("The exit code is 1 when a view does not tell what the log tells; rebuild it then.")
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
func (c *projectionsVerifyCmd) Run(ctx context.Context, s terminal.Streams, logger *slog.Logger) error {
	names, err := groups(c.Groups)
	if err != nil {
		return err
	}
	return withViews(ctx, c.Source, logger, func(v views) error {
		var rows []reportView
		var different int64
		for _, name := range names {
			r, err := verify(ctx, v, name, s.Err)
			if err != nil {
				return err
			}
			different += r.Different
			rows = append(rows, reportOf(r))
		}
		if err := c.show(s.Out, rows); err != nil {
			return err
		}
		if err := sayBehind(ctx, v, rows, s.Err); err != nil {
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
	bar := terminal.NewProgress(w, "verifying "+name, 0)
	defer bar.End()
	return v.Verify(ctx, name, follow(bar))
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
		return terminal.PrintJSON(w, rows)
	}
	t := terminal.NewTable(w, "group", "agrees", "position", "rows", "events", "differences")
	for _, r := range rows {
		t.Row(r.Group, terminal.YesNo(r.OK), r.Position, terminal.Grouped(r.Rows), terminal.Grouped(r.Events), terminal.Grouped(r.Different))
	}
	if err := t.Flush(); err != nil {
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

func seconds(s float64) string { return fmt.Sprintf("%.3f s", s) }
