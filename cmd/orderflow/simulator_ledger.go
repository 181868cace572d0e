package main

import (
	"cmp"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"orderflow/cmd/orderflow/internal/node"
	"orderflow/cmd/orderflow/internal/terminal"
	"orderflow/domain"
	"orderflow/infra/simulator"
)

// maxDoubleShown bounds the orders charged twice that are shown to a person; --json
// has all of them.
const maxDoubleShown = 20

// simulatorLedgerCmd adds up what the outside world saw.
type simulatorLedgerCmd struct {
	Data string `help:"The data directory of the simulator, or of a node (default ${data})." default:"${data}" type:"path" placeholder:"DIR" env:"ORDERFLOW_DATA"`
	JSON bool   `help:"Print JSON for programs."`
}

// Help is shown under the subcommand's own --help.
func (c *simulatorLedgerCmd) Help() string {
	return terminal.Usage("The sums are of what the gateways and carriers did, whatever the system says of itself. " +
		"The ledger may be in use; a row that is being written is left out.")
}

// ledgerView is the sums as JSON.
type ledgerView struct {
	simulator.Sums
	Captures      int                       `json:"captures"` // effective ones
	Providers     map[string]simulator.Sums `json:"providers"`
	DoubleCharged []domain.OrderID          `json:"double_charged"`
}

// Run adds up.
func (c *simulatorLedgerCmd) Run(s terminal.Streams) error {
	conf := node.Config{Data: c.Data}
	if err := conf.Check(); err != nil {
		return err
	}
	sum, err := simulator.ReadLedger(filepath.Join(conf.SimulatorDir(), simulator.LedgerFile))
	if err != nil {
		return err
	}
	view := ledgerView{Sums: sum.Sums, Providers: sum.Providers, DoubleCharged: append([]domain.OrderID{}, sum.DoubleCharged()...)}
	for _, n := range sum.Captures {
		view.Captures += n
	}
	if c.JSON {
		return terminal.PrintJSON(s.Out, view)
	}
	return view.show(s)
}

func (v ledgerView) show(s terminal.Streams) error {
	t := terminal.NewTable(s.Out, "provider", "calls", "captured", "refunded", "parcels booked", "cancelled")
	for _, name := range simulator.Names() {
		showSums(t, name, v.Providers[name])
	}
	showSums(t, "all", v.Sums)
	if err := t.Flush(); err != nil {
		return err
	}
	t = terminal.NewTable(s.Out)
	shown := v.DoubleCharged[:min(len(v.DoubleCharged), maxDoubleShown)]
	t.Row()
	t.Row("orders charged twice", len(v.DoubleCharged))
	for _, id := range shown {
		t.Row("", id)
	}
	if more := len(v.DoubleCharged) - len(shown); more > 0 {
		t.Row("", "and "+terminal.Grouped(int64(more))+" more, with --json")
	}
	return t.Flush()
}

func showSums(t *terminal.Table, name string, of simulator.Sums) {
	t.Row(name, terminal.Grouped(of.Rows), amounts(of.Captured), amounts(of.Refunded), terminal.Grouped(of.Bookings), terminal.Grouped(of.Cancellations))
}

// amounts prints a sum in each currency.
func amounts(sums map[string]int64) string {
	var all []string
	for _, currency := range slices.Sorted(maps.Keys(sums)) {
		all = append(all, terminal.Amount(sums[currency], currency))
	}
	return cmp.Or(strings.Join(all, ", "), "nothing")
}
