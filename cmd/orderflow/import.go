package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"orderflow/domain"
	"orderflow/infra/retail"
	"orderflow/projections"
)

// importCmd brings in orders that were placed elsewhere.
type importCmd struct {
	OnlineRetail importRetailCmd `cmd:"" help:"Import the invoices of the UCI data set Online Retail."`
}

// importRetailCmd imports invoices in process: history brings its own prices
// and times, which the public API takes from nobody.
type importRetailCmd struct {
	File  string `arg:"" help:"The invoices as CSV, plain or gzip." type:"path"`
	Stock string `help:"Units to receive first of each article; auto receives what the file sells." default:"auto" placeholder:"auto|N"`
	Data  string `help:"The data directory to import into; no server may use it." placeholder:"DIR" type:"path" default:"${data}"`
	eventStore
	elsewhereFlags
	Server string `help:"Not for imports: the API takes no history." placeholder:"URL" hidden:""`
	JSON   bool   `help:"Print one JSON object at the end."`
}

// imported is what an import prints.
type imported struct {
	retail.Report
	ElapsedSeconds  float64 `json:"elapsed_s"`
	OrdersPerSecond float64 `json:"orders_per_s"` // the file's orders by this run's time
}

// Help is shown under the subcommand's own --help.
func (c *importRetailCmd) Help() string {
	return usage("Receives the stock, places every invoice as an order, makes every return, and ends when all of them " +
		"are settled. Running it again, or again after it was killed, does nothing twice and ends with the same figures. " +
		"With --stock N orders run short as the file's order has it, the same in every run.\n\n" +
		"With --peers it is a fleet that does all this: commands go to its processes, and the log and the views are read where they are.\n\n" +
		"An invoice of more than 2,000 lines, or a line of more than 100,000 units, is no order: the file is refused before anything is done.")
}

// Run imports a file.
func (c *importRetailCmd) Run(ctx context.Context, s streams, logger *slog.Logger) error {
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
	others, err := c.fleet()
	if err != nil {
		return err
	}
	if len(others.Peers) > 0 {
		others.Roles = roles{} // all is done by the others
	}
	result, err := importHistory(ctx, config{Data: c.Data, EventStore: c.EventStore, fleet: others}, retail.Import{Stock: stock}, history, s.err, logger)
	if err != nil {
		return err
	}
	result.ElapsedSeconds = time.Since(begun).Seconds()
	result.OrdersPerSecond = float64(result.OrdersPlaced) / max(result.ElapsedSeconds, 1e-9)
	if c.JSON {
		return printJSON(s.out, result)
	}
	return printImported(s.out, result)
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

// importHistory runs a whole node for as long as the import takes.
func importHistory(ctx context.Context, c config, i retail.Import, h retail.History, watcher io.Writer, logger *slog.Logger) (result imported, err error) {
	app, err := New(ctx, c, logger)
	if err != nil {
		return result, err
	}
	bar := newProgress(watcher, "importing invoices", int64(len(h.Invoices)))
	i.Bus, i.Log = app.Bus, app.Log
	i.Progress = func(settled, _ int) { bar.set(int64(settled)) }
	err = app.while(ctx, func(ctx context.Context) error {
		defer bar.end()
		return throughOutages(ctx, app.Log, c.explained, func(ctx context.Context) (err error) {
			if result.Report, err = i.Run(ctx, h); err != nil {
				return err
			}
			return app.awaitViews(ctx)
		})
	})
	return result, errors.Join(err, app.Close())
}

// awaitViews returns when every view has what is in the log now. It waits for
// as long as they come nearer.
func (a *App) awaitViews(ctx context.Context) error {
	end, err := a.Log.End(ctx)
	if err != nil {
		return err
	}
	groups, err := a.Follows.Status(ctx)
	if err != nil {
		return err
	}
	for _, group := range groups {
		for at := group.Position; ; {
			err := a.Follows.Await(ctx, group.Group, end)
			if err == nil {
				break
			}
			now, statusErr := a.Follows.Status(ctx)
			if statusErr != nil {
				return errors.Join(err, statusErr)
			}
			n := slices.IndexFunc(now, func(s projections.Status) bool { return s.Group == group.Group })
			if n < 0 || now[n].Position <= at && !now[n].Rebuilding {
				return domain.Wrap(domain.KindOf(err), err, "All is imported, but the views of %s do not follow", group.Group)
			}
			at = now[n].Position
		}
	}
	return nil
}

func printImported(w io.Writer, r imported) error {
	t := newTable(w, "what", "in the file's orders")
	t.row("rows", grouped(int64(r.Rows)))
	for _, why := range slices.Sorted(maps.Keys(r.Refused)) {
		t.row("rows refused: "+string(why), grouped(int64(r.Refused[why])))
	}
	t.row("invoices without a good row", grouped(int64(r.EmptyInvoices)))
	t.row("orders placed", grouped(int64(r.OrdersPlaced)))
	t.row("orders confirmed", grouped(int64(r.OrdersConfirmed)))
	t.row("orders out of stock", grouped(int64(r.OrdersOutOfStock)))
	t.row("captured", amount(r.Captured[retail.Currency], retail.Currency))
	t.row("refunded", amount(r.Refunded[retail.Currency], retail.Currency))
	t.row("units returned", grouped(r.ReturnedUnits))
	t.row("units returned that no sale explains", grouped(r.UnmatchedUnits))
	t.row("time", fmt.Sprintf("%.1f s, %s orders/s", r.ElapsedSeconds, grouped(int64(r.OrdersPerSecond))))
	return t.flush()
}
