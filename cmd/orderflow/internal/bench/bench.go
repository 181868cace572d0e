package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/pprof"
	"slices"
	"strings"

	"orderflow/cmd/orderflow/internal/target"
	"orderflow/cmd/orderflow/internal/terminal"
	"orderflow/domain"
)

// Command measures this machine against the budgets.
type Command struct {
	Names []string `arg:"" optional:"" name:"NAME" help:"accept, confirm, append, read, rebuild, replay, start, memory, growth; all if none is named. With --eventstore: ${storebench}."`
	target.EventStoreFlag
	Scale int    `help:"Orders stored for memory and growth." default:"${scale}"`
	JSON  bool   `help:"Print one JSON object."`
	CPU   string `help:"Write a CPU profile of this process to this file." type:"path" placeholder:"FILE"`
}

// Help is shown under the subcommand's own --help.
func (c *Command) Help() string {
	return terminal.Usage("Everything runs on fresh nodes in a temporary directory, the load included. A limit is measured in the same run " +
		"(an empty handler, a bare database) or is the budget itself. Nothing is stored: what is printed was measured just now.\n\n" +
		"With --eventstore any server is measured, a node or a cluster: the same figures for each, and no budget, for those are of the embedded log. " +
		"append (by 1, 8 and 64 writers), streams and catch-up write only to streams of the category " + Category + ", which stay. " +
		"import places 3,588 orders and needs a store without orders. confirm, read, accept and replay have to be named: they place orders too, or read what is there, " +
		"and can be run again. Where the server is on this machine, its processor time is printed beside that of this process.\n\n" +
		"What the wire itself costs is measured by `go test -run xxx -bench Append ./infra/esdbserver`.")
}

// Figure is one measurement.
type Figure struct {
	Name   string  `json:"name"`
	Unit   string  `json:"unit"` // of value and limit
	Value  float64 `json:"value"`
	Limit  float64 `json:"limit"`
	Ratio  float64 `json:"ratio"`  // value / limit
	Budget float64 `json:"budget"` // of the ratio
	Met    bool    `json:"met"`
	Detail string  `json:"detail"` // how it was measured, and on how much
	AtMost bool    // the ratio is to stay below the budget
}

// Judge completes a figure; also says what else has to hold.
func (f Figure) Judge(also bool) Figure {
	f.Ratio = f.Value / max(f.Limit, 1e-12)
	f.Met = also && (f.Ratio >= f.Budget != f.AtMost || f.Ratio == f.Budget)
	return f
}

// Benchmark is one budget and how it is measured.
type Benchmark struct {
	Name    string
	measure func(*Bench, context.Context) (Figure, error)
}

// benchmarks lists all budgets in the order in which they are measured: the
// last ones share a large log.
func benchmarks() []Benchmark {
	return []Benchmark{
		{"append", (*Bench).append},
		{"accept", (*Bench).accept},
		{"read", (*Bench).read},
		{"confirm", (*Bench).confirm},
		{"rebuild", (*Bench).rebuild},
		{"replay", (*Bench).replay},
		{"start", (*Bench).start},
		{"memory", (*Bench).memory},
		{"growth", (*Bench).growth},
	}
}

// Run measures.
func (c *Command) Run(ctx context.Context, s terminal.Streams, _ *slog.Logger) error {
	if c.EventStore != "" {
		return c.runOnStore(ctx, s)
	}
	chosen, err := c.Choose()
	if err != nil {
		return err
	}
	b, err := New(c.Scale, c.EventStore, s.Err)
	if err != nil {
		return err
	}
	defer b.Close()
	stop, err := profile(c.CPU)
	if err != nil {
		return err
	}
	defer stop()
	results, failed := measureAll(ctx, chosen, func(m Benchmark) (f Figure, err error) {
		b.say("measuring " + m.Name)
		if f, err = m.measure(b, ctx); err != nil {
			return f, fmt.Errorf("%s: %w", m.Name, err)
		}
		f.Name = m.Name
		return f, nil
	})
	b.say("")
	if c.JSON {
		return errors.Join(failed, terminal.PrintJSON(s.Out, map[string]any{"results": results}))
	}
	return errors.Join(failed, showFigures(s.Out, results))
}

// measureAll runs benchmarks in their order. One that fails does not cost the figures of
// the others: they are returned with the errors. After the end of ctx none begins.
func measureAll[B, F any](ctx context.Context, chosen []B, measure func(B) (F, error)) (results []F, failed error) {
	results = []F{}
	for _, m := range chosen {
		if ctx.Err() != nil {
			return results, errors.Join(failed, ctx.Err())
		}
		f, err := measure(m)
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		results = append(results, f)
	}
	return results, failed
}

// profile records where the time goes until stop is called; an empty path records nothing.
func profile(path string) (stop func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, domain.Wrap(domain.Invalid, err, "The profile cannot be written")
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() {
		pprof.StopCPUProfile()
		_ = f.Close() // what was measured stands
	}, nil
}

// Choose returns the benchmarks that are named, all of them if none is, in the order in
// which they are measured.
func (c *Command) Choose() ([]Benchmark, error) {
	if c.Scale < MinScale {
		return nil, domain.Errorf(domain.Invalid, "A scale below %d orders says nothing.", MinScale)
	}
	all := benchmarks()
	var order []string // in which they are measured, however they are named
	for _, b := range all {
		order = append(order, b.Name)
	}
	for _, name := range c.Names {
		switch {
		case slices.Contains(StoreNames(), name) && !slices.Contains(order, name):
			return nil, domain.Errorf(domain.Invalid, "%s is measured on an event store; name it with --eventstore.", name)
		case !slices.Contains(order, name):
			return nil, domain.Errorf(domain.Invalid, "There is no benchmark %q; see `orderflow bench --help`.", name)
		}
	}
	var chosen []Benchmark
	for _, name := range order {
		if len(c.Names) == 0 || slices.Contains(c.Names, name) {
			chosen = append(chosen, all[slices.Index(order, name)])
		}
	}
	return chosen, nil
}

func showFigures(w io.Writer, results []Figure) error {
	t := terminal.NewTable(w, "what", "figure", "limit", "unit", "ratio", "budget", "met", "how")
	for _, f := range results {
		sign := "≥"
		if f.AtMost {
			sign = "≤"
		}
		t.Row(f.Name, short(f.Value), short(f.Limit), f.Unit, fmt.Sprintf("%.2f", f.Ratio), sign+" "+fmt.Sprintf("%.2f", f.Budget), terminal.YesNo(f.Met), f.Detail)
	}
	return t.Flush()
}

// short writes a figure with as many digits as say something.
func short(v float64) string {
	if v >= 1000 {
		return terminal.Grouped(int64(v))
	}
	return strings.TrimSuffix(fmt.Sprintf("%.2f", v), ".00")
}
