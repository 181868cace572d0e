package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"orderflow/cmd/orderflow/internal/audit"
	"orderflow/cmd/orderflow/internal/node"
	"orderflow/cmd/orderflow/internal/terminal"
	"orderflow/domain"
	"orderflow/domain/catalog"
)

// StoreBenchmark is one measurement of an event store.
type StoreBenchmark struct {
	Name    string
	Always  bool // also if it is not named
	Measure func(*Bench, context.Context) (Figure, error)
}

// StoreBenchmarks lists what can be measured on a log that others serve, in an
// order in which none works on what another left undone.
func StoreBenchmarks() []StoreBenchmark {
	list := []StoreBenchmark{}
	for _, writers := range storeWriters() {
		list = append(list, StoreBenchmark{fmt.Sprintf("append-%d", writers), true, func(b *Bench, ctx context.Context) (Figure, error) { return b.StoreAppend(ctx, writers) }})
	}
	return append(list, []StoreBenchmark{
		{"streams", true, (*Bench).storeStreams},
		{"catch-up", true, (*Bench).storeCatchUp},
		{"import", true, (*Bench).storeImport},
		{"confirm", false, (*Bench).confirm},
		{"read", false, (*Bench).read},
		{"accept", false, (*Bench).accept},
		{"replay", false, (*Bench).replay},
	}...)
}

// StoreNames are what may be named with --eventstore; append is all of append-….
func StoreNames() []string {
	names := []string{"append"}
	for _, b := range StoreBenchmarks() {
		names = append(names, b.Name)
	}
	return names
}

// ChooseOnStore returns what is measured, in its order.
func (c *Command) ChooseOnStore() (chosen []StoreBenchmark, err error) {
	for _, name := range c.Names {
		if !slices.Contains(StoreNames(), name) {
			return nil, domain.Errorf(domain.Invalid, "%s cannot be measured with --eventstore; %s can.", name, strings.Join(StoreNames(), ", "))
		}
	}
	for _, b := range StoreBenchmarks() {
		family, _, _ := strings.Cut(b.Name, "-")
		if len(c.Names) == 0 && b.Always || slices.Contains(c.Names, b.Name) || family == "append" && slices.Contains(c.Names, family) {
			chosen = append(chosen, b)
		}
	}
	return chosen, nil
}

// StoreFigure is one measurement of an event store: no budget is in it, for
// those are of the embedded log.
type StoreFigure struct {
	Name      string   `json:"name"`
	Unit      string   `json:"unit"`
	Value     float64  `json:"value"`
	ClientCPU float64  `json:"client_cpu_s"`           // processor time of this process meanwhile
	ServerCPU *float64 `json:"server_cpu_s,omitempty"` // of the server, if it is on this machine
	Detail    string   `json:"detail"`                 // how it was measured, and on how much
}

// StoreReport is what is printed of an event store.
type StoreReport struct {
	Store   string        `json:"store"`            // without secrets
	Server  *LocalServer  `json:"server,omitempty"` // if it is on this machine
	Results []StoreFigure `json:"results"`
	Left    []string      `json:"left_out,omitempty"` // and why
}

// runOnStore measures an event store.
func (c *Command) runOnStore(ctx context.Context, s terminal.Streams) error {
	chosen, err := c.ChooseOnStore()
	if err != nil {
		return err
	}
	b, err := New(c.Scale, c.EventStore, s.Err)
	if err != nil {
		return err
	}
	defer b.Close()
	report, err := b.findStore(ctx)
	if err != nil {
		return err
	}
	stop, err := profile(c.CPU)
	if err != nil {
		return err
	}
	defer stop()
	chosen, err = c.withoutImport(ctx, b, chosen, report)
	if err != nil {
		return err
	}
	var failed error
	report.Results, failed = measureAll(ctx, chosen, func(m StoreBenchmark) (f StoreFigure, err error) {
		if err = b.Prepare(ctx, m.Name); err == nil {
			b.say("measuring " + m.Name)
			f, err = report.measured(func() (Figure, error) { return m.Measure(b, ctx) })
		}
		if err != nil {
			return f, fmt.Errorf("%s: %w", m.Name, err)
		}
		f.Name = m.Name
		return f, nil
	})
	b.say("")
	if c.JSON {
		return errors.Join(failed, terminal.PrintJSON(s.Out, report))
	}
	return errors.Join(failed, report.Show(s.Out))
}

// withoutImport leaves the import out where it cannot run, because the store has orders,
// and says so in the report. If it was named, that is an error.
func (c *Command) withoutImport(ctx context.Context, b *Bench, chosen []StoreBenchmark, report *StoreReport) ([]StoreBenchmark, error) {
	isImport := func(m StoreBenchmark) bool { return m.Name == "import" }
	if !slices.ContainsFunc(chosen, isImport) {
		return chosen, nil
	}
	reason, err := b.HasOrders(ctx)
	switch {
	case err != nil:
		return nil, err
	case reason == nil:
		return chosen, nil
	case len(c.Names) > 0:
		return nil, reason
	}
	report.Left = append(report.Left, "import: "+reason.Error())
	return slices.DeleteFunc(chosen, isImport), nil
}

// findStore connects once, and looks whether the server is on this machine.
func (b *Bench) findStore(ctx context.Context) (*StoreReport, error) {
	log, err := b.openLog(ctx, b.Folder())
	if err != nil {
		return nil, err
	}
	report := &StoreReport{}
	if remote, ok := log.(node.Pinged); ok {
		report.Store = remote.Name()
		report.Server = ServerOf(report.Store)
	}
	return report, log.Close()
}

// measured takes the processor times of both sides beside a measurement.
func (r *StoreReport) measured(measure func() (Figure, error)) (StoreFigure, error) {
	client, server := OwnCPU(), r.Server.CPU()
	f, err := measure()
	is := StoreFigure{Unit: f.Unit, Value: f.Value, Detail: f.Detail, ClientCPU: (OwnCPU() - client).Seconds()}
	if now := r.Server.CPU(); now > 0 && server > 0 {
		seconds := (now - server).Seconds()
		is.ServerCPU = &seconds
	}
	return is, err
}

// Show writes the figures for a person.
func (r *StoreReport) Show(w io.Writer) error {
	server := "elsewhere: its processor time is not known"
	if r.Server != nil {
		server = fmt.Sprintf("%s, process %d on this machine", r.Server.Name, r.Server.PID)
	}
	fmt.Fprintf(w, "EventStoreDB at %s (%s)\n", r.Store, server)
	t := terminal.NewTable(w, "what", "figure", "unit", "cpu here", "cpu there", "how")
	for _, f := range r.Results {
		there := "-"
		if f.ServerCPU != nil {
			there = fmt.Sprintf("%.2f s", *f.ServerCPU)
		}
		t.Row(f.Name, short(f.Value), f.Unit, fmt.Sprintf("%.2f s", f.ClientCPU), there, f.Detail)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, line := range r.Left {
		fmt.Fprintln(w, "left out:", line)
	}
	return nil
}

// HasOrders returns why nothing can be imported into the store, or nil.
func (b *Bench) HasOrders(ctx context.Context) (reason, err error) {
	log, err := b.openLog(ctx, b.Folder())
	if err != nil {
		return nil, err
	}
	for r, err := range log.ReadAll(ctx, 0, audit.OurCategories()...) {
		if err != nil {
			return nil, errors.Join(err, log.Close())
		}
		reason = domain.Errorf(domain.Rejected, "The store has orders or stock already, the first event is of %s at %s; an import is measured on an empty one.", r.Stream, r.At.Format(time.RFC3339))
		break
	}
	return reason, log.Close()
}

// Prepare sees to it that a log that others serve has what a benchmark needs.
func (b *Bench) Prepare(ctx context.Context, name string) error {
	switch name {
	case "confirm", "read", "accept":
	case "replay":
		return b.refuseEmpty(ctx)
	default:
		return nil
	}
	app, err := b.Node(ctx, b.Folder(), "")
	if err != nil {
		return err
	}
	goods := catalog.Stream(SKU(benchLines - 1))
	listed := false
	for _, err = range app.Log.Read(ctx, goods, 0) {
		listed = true
	}
	if err == nil && !listed {
		err = Furnish(ctx, app.Bus)
	}
	return errors.Join(err, app.Close())
}

// refuseEmpty refuses a log in which there is nothing to read.
func (b *Bench) refuseEmpty(ctx context.Context) error {
	log, err := b.openLog(ctx, b.Folder())
	if err != nil {
		return err
	}
	is, _, err := node.Identify(ctx, log)
	if err == nil && is.FirstEvent == "" { // what a node writes for itself does not count
		err = domain.Errorf(domain.Rejected, "The log has no events yet, so there is nothing to replay; measure confirm, read, accept or import before, which place orders.")
	}
	return errors.Join(err, log.Close())
}
