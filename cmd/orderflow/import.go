package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"orderflow/cmd/orderflow/internal/node"
	"orderflow/cmd/orderflow/internal/target"
	"orderflow/cmd/orderflow/internal/terminal"
	"orderflow/domain"
	"orderflow/infra/retail"
)

// importCmd brings in orders that were placed elsewhere.
type importCmd struct {
	OnlineRetail importRetailCmd `cmd:"" help:"Import the invoices of the UCI data set Online Retail."`
}

// importRetailCmd imports invoices in process: history brings its own prices
// and times, which the public API never takes.
type importRetailCmd struct {
	File  string `arg:"" help:"The invoices as CSV, plain or gzip." type:"path"`
	Stock string `help:"Units to receive first of each article; auto receives what the file sells." default:"auto" placeholder:"auto|N"`
	Data  string `help:"The data directory to import into; no server may use it." placeholder:"DIR" type:"path" default:"${data}"`
	target.EventStoreFlag
	node.ElsewhereFlags
	Server string `help:"Not for imports: the API takes no history." placeholder:"URL" hidden:""`
	JSON   bool   `help:"Print one JSON object at the end."`
}

// Help is shown under the subcommand's own --help.
func (c *importRetailCmd) Help() string {
	return terminal.Usage("Receives the stock, places every invoice as an order, makes every return, and ends when all of them " +
		"are settled. Running it again, or again after it was killed, does nothing twice and ends with the same figures. " +
		"With --stock N orders run short as the file's order has it, the same in every run.\n\n" +
		"With --peers it is a fleet that does all this: commands go to its processes, and the log and the views are read where they are.\n\n" +
		"An invoice of more than 2,000 lines, or a line of more than 100,000 units, is no order: the file is refused before anything is done.")
}

// Run imports a file.
func (c *importRetailCmd) Run(ctx context.Context, s terminal.Streams, logger *slog.Logger) error {
	if c.Server != "" {
		return domain.Errorf(domain.Invalid, "History cannot be imported over the API: stop the server at %s and import into its data directory with --data DIR.", c.Server)
	}
	stock, err := c.stock()
	if err != nil {
		return err
	}
	begun := time.Now()
	history, err := readHistory(c.File)
	if err != nil {
		return err
	}
	others, err := c.Fleet()
	if err != nil {
		return err
	}
	if len(others.Peers) > 0 {
		others.Roles = node.Roles{} // all is done by the others
	}
	result, err := node.ImportHistory(ctx, node.Config{Data: c.Data, EventStore: c.EventStore, Fleet: others}, retail.Import{Stock: stock}, history, s.Err, logger)
	if err != nil {
		return err
	}
	result.ElapsedSeconds = time.Since(begun).Seconds()
	result.OrdersPerSecond = float64(result.OrdersPlaced) / max(result.ElapsedSeconds, 1e-9)
	if c.JSON {
		return terminal.PrintJSON(s.Out, result)
	}
	return printImported(s.Out, result)
}

func (c *importRetailCmd) stock() (int64, error) {
	if c.Stock == "auto" {
		return 0, nil
	}
	n, err := strconv.ParseInt(c.Stock, 10, 64)
	if err != nil || n < 1 || n > maxStockUnits {
		return 0, domain.Errorf(domain.Invalid, "--stock %q is neither auto nor a number from 1 to %d.", c.Stock, int64(maxStockUnits))
	}
	return n, nil
}

// maxStockUnits bounds --stock.
const maxStockUnits = 1_000_000_000

func readHistory(path string) (retail.History, error) {
	file, err := os.Open(path) //nolint:gosec // the path is the operator's
	if err != nil {
		return retail.History{}, domain.Wrap(domain.NotFound, err, "The file cannot be opened")
	}
	defer file.Close() //nolint:errcheck // nothing was written
	h, err := retail.Read(file)
	if err != nil {
		return h, domain.Wrap(domain.KindOf(err), err, "%s cannot be imported", filepath.Base(path))
	}
	return h, nil
}

func printImported(w io.Writer, r node.Imported) error {
	t := terminal.NewTable(w, "what", "in the file's orders")
	t.Row("rows", terminal.Grouped(int64(r.Rows)))
	for _, why := range slices.Sorted(maps.Keys(r.Refused)) {
		t.Row("rows refused: "+string(why), terminal.Grouped(int64(r.Refused[why])))
	}
	t.Row("invoices without a good row", terminal.Grouped(int64(r.EmptyInvoices)))
	t.Row("orders placed", terminal.Grouped(int64(r.OrdersPlaced)))
	t.Row("orders confirmed", terminal.Grouped(int64(r.OrdersConfirmed)))
	t.Row("orders out of stock", terminal.Grouped(int64(r.OrdersOutOfStock)))
	t.Row("captured", terminal.Amount(r.Captured[retail.Currency], retail.Currency))
	t.Row("refunded", terminal.Amount(r.Refunded[retail.Currency], retail.Currency))
	t.Row("units returned", terminal.Grouped(r.ReturnedUnits))
	t.Row("units returned that no sale explains", terminal.Grouped(r.UnmatchedUnits))
	t.Row("time", fmt.Sprintf("%.1f s, %s orders/s", r.ElapsedSeconds, terminal.Grouped(int64(r.OrdersPerSecond))))
	return t.Flush()
}
