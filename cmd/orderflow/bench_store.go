package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"orderflow/domain"
	"orderflow/domain/catalog"
)

// storeBenchmark is one measurement of an event store.
type storeBenchmark struct {
	name    string
	always  bool // also if it is not named
	measure func(*bench, context.Context) (figure, error)
}

// storeBenchmarks lists what can be measured on a log that others serve, in an
// order in which none works on what another left undone.
func storeBenchmarks() []storeBenchmark {
	list := []storeBenchmark{}
	for _, writers := range storeWriters() {
		list = append(list, storeBenchmark{fmt.Sprintf("append-%d", writers), true, func(b *bench, ctx context.Context) (figure, error) { return b.storeAppend(ctx, writers) }})
	}
	return append(list, []storeBenchmark{
		{"streams", true, (*bench).storeStreams},
		{"catch-up", true, (*bench).storeCatchUp},
		{"import", true, (*bench).storeImport},
		{"confirm", false, (*bench).confirm},
		{"read", false, (*bench).read},
		{"accept", false, (*bench).accept},
		{"replay", false, (*bench).replay},
	}...)
}

// storeNames are what may be named with --eventstore; append is all of append-….
func storeNames() []string {
	names := []string{"append"}
	for _, b := range storeBenchmarks() {
		names = append(names, b.name)
	}
	return names
}

// chooseOnStore returns what is measured, in its order.
func (c *benchCmd) chooseOnStore() (chosen []storeBenchmark, err error) {
	for _, name := range c.Names {
		if !slices.Contains(storeNames(), name) {
			return nil, domain.Errorf(domain.Invalid, "%s cannot be measured with --eventstore; %s can.", name, strings.Join(storeNames(), ", "))
		}
	}
	for _, b := range storeBenchmarks() {
		family, _, _ := strings.Cut(b.name, "-")
		if len(c.Names) == 0 && b.always || slices.Contains(c.Names, b.name) || family == "append" && slices.Contains(c.Names, family) {
			chosen = append(chosen, b)
		}
	}
	return chosen, nil
}

// storeFigure is one measurement of an event store: no budget is in it, for
// those are of the embedded log.
type storeFigure struct {
	Name      string   `json:"name"`
	Unit      string   `json:"unit"`
	Value     float64  `json:"value"`
	ClientCPU float64  `json:"client_cpu_s"`           // processor time of this process meanwhile
	ServerCPU *float64 `json:"server_cpu_s,omitempty"` // of the server, if it is on this machine
	Detail    string   `json:"detail"`                 // how it was measured, and on how much
}

// storeReport is what is printed of an event store.
type storeReport struct {
	Store   string        `json:"store"`            // without secrets
	Server  *localServer  `json:"server,omitempty"` // if it is on this machine
	Results []storeFigure `json:"results"`
	Left    []string      `json:"left_out,omitempty"` // and why
}

// runOnStore measures an event store.
func (c *benchCmd) runOnStore(ctx context.Context, s streams) error {
	chosen, err := c.chooseOnStore()
	if err != nil {
		return err
	}
	b, err := newBench(c.Scale, c.EventStore, s.err)
	if err != nil {
		return err
	}
	defer b.close()
	report, err := b.findStore(ctx)
	if err != nil {
		return err
	}
	stop, err := profile(c.CPU)
	if err != nil {
		return err
	}
	defer stop()
	for _, m := range chosen {
		if m.name == "import" {
			if reason, err := b.hasOrders(ctx); err != nil {
				return err
			} else if reason != nil && len(c.Names) > 0 {
				return reason
			} else if reason != nil {
				report.Left = append(report.Left, "import: "+reason.Error())
				continue
			}
		}
		if err := b.prepare(ctx, m.name); err != nil {
			return err
		}
		b.say("measuring " + m.name)
		f, err := report.measured(func() (figure, error) { return m.measure(b, ctx) })
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		f.Name = m.name
		report.Results = append(report.Results, f)
	}
	b.say("")
	if c.JSON {
		return printJSON(s.out, report)
	}
	return report.show(s.out)
}

// findStore connects once, and looks whether the server is on this machine.
func (b *bench) findStore(ctx context.Context) (*storeReport, error) {
	log, err := b.openLog(ctx, b.folder())
	if err != nil {
		return nil, err
	}
	report := &storeReport{}
	if remote, ok := log.(pinged); ok {
		report.Store = remote.Name()
		report.Server = serverOf(report.Store)
	}
	return report, log.Close()
}

// measured takes the processor times of both sides beside a measurement.
func (r *storeReport) measured(measure func() (figure, error)) (storeFigure, error) {
	client, server := ownCPU(), r.Server.cpu()
	f, err := measure()
	is := storeFigure{Unit: f.Unit, Value: f.Value, Detail: f.Detail, ClientCPU: (ownCPU() - client).Seconds()}
	if now := r.Server.cpu(); now > 0 && server > 0 {
		seconds := (now - server).Seconds()
		is.ServerCPU = &seconds
	}
	return is, err
}

func (r *storeReport) show(w io.Writer) error {
	server := "elsewhere: its processor time is not known"
	if r.Server != nil {
		server = fmt.Sprintf("%s, process %d on this machine", r.Server.Name, r.Server.PID)
	}
	fmt.Fprintf(w, "EventStoreDB at %s (%s)\n", r.Store, server)
	t := newTable(w, "what", "figure", "unit", "cpu here", "cpu there", "how")
	for _, f := range r.Results {
		there := "-"
		if f.ServerCPU != nil {
			there = fmt.Sprintf("%.2f s", *f.ServerCPU)
		}
		t.row(f.Name, short(f.Value), f.Unit, fmt.Sprintf("%.2f s", f.ClientCPU), there, f.Detail)
	}
	if err := t.flush(); err != nil {
		return err
	}
	for _, line := range r.Left {
		fmt.Fprintln(w, "left out:", line)
	}
	return nil
}

// hasOrders returns why nothing can be imported into the store, or nil.
func (b *bench) hasOrders(ctx context.Context) (reason, err error) {
	log, err := b.openLog(ctx, b.folder())
	if err != nil {
		return nil, err
	}
	for r, err := range log.ReadAll(ctx, 0, ourCategories()...) {
		if err != nil {
			return nil, errors.Join(err, log.Close())
		}
		reason = domain.Errorf(domain.Rejected, "The store has orders or stock already, the first event is of %s at %s; an import is measured on an empty one.", r.Stream, r.At.Format(time.RFC3339))
		break
	}
	return reason, log.Close()
}

// prepare sees to it that a log that others serve has what a benchmark needs.
func (b *bench) prepare(ctx context.Context, name string) error {
	switch name {
	case "confirm", "read", "accept":
	case "replay":
		return b.refuseEmpty(ctx)
	default:
		return nil
	}
	app, err := b.node(ctx, b.folder(), "")
	if err != nil {
		return err
	}
	goods := catalog.Stream(benchSKU(benchLines - 1))
	listed := false
	for _, err = range app.Log.Read(ctx, goods, 0) {
		listed = true
	}
	if err == nil && !listed {
		err = furnish(ctx, app.Bus)
	}
	return errors.Join(err, app.Close())
}

// refuseEmpty refuses a log in which there is nothing to read.
func (b *bench) refuseEmpty(ctx context.Context) error {
	log, err := b.openLog(ctx, b.folder())
	if err != nil {
		return err
	}
	is, _, err := identify(ctx, log)
	if err == nil && is.FirstEvent == "" { // what a node writes for itself does not count
		err = domain.Errorf(domain.Rejected, "The log has no events yet, so there is nothing to replay; measure confirm, read, accept or import before, which place orders.")
	}
	return errors.Join(err, log.Close())
}
