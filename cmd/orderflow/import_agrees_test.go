package main_test

import (
	"database/sql"
	"encoding/json"
	"path/filepath"
	"reflect"
	"testing"

	_ "modernc.org/sqlite" // the views are read as a stranger would: by SQL

	"orderflow/infra/simulator"
)

// printed is what `import --json` must print, and nothing else.
type printed struct {
	Rows             int              `json:"rows"`
	OrdersPlaced     int              `json:"orders_placed"`
	OrdersConfirmed  int              `json:"orders_confirmed"`
	OrdersOutOfStock int              `json:"orders_out_of_stock"`
	EmptyInvoices    int              `json:"empty_invoices"`
	Refused          map[string]int   `json:"refused"`
	Captured         map[string]int64 `json:"captured_minor"`
	Refunded         map[string]int64 `json:"refunded_minor"`
	ReturnedUnits    int64            `json:"returned_units"`
	UnmatchedUnits   int64            `json:"unmatched_units"`
}

// timed are the figures that differ from run to run.
type timed struct {
	Elapsed float64 `json:"elapsed_s"`
	Rate    float64 `json:"orders_per_s"`
}

func (f figures) printed(t *testing.T) printed {
	t.Helper()
	return printed{
		Rows: f.rows, OrdersPlaced: f.placed, OrdersConfirmed: f.confirmed, OrdersOutOfStock: f.outOfStock,
		EmptyInvoices: f.empty, Refused: f.refused, ReturnedUnits: f.returned, UnmatchedUnits: f.unmatched,
		Captured: map[string]int64{"GBP": pence(t, f.captured)}, Refunded: map[string]int64{"GBP": pence(t, f.refunded)},
	}
}

// runImport imports a file and returns what was printed.
func (n program) runImport(t *testing.T, file, stock string) (printed, timed) {
	t.Helper()
	var raw map[string]json.RawMessage
	n.ask(t, &raw, "import", "online-retail", file, "--stock", stock)
	var times timed
	var got printed
	for what, into := range map[string]*float64{"elapsed_s": &times.Elapsed, "orders_per_s": &times.Rate} {
		if err := json.Unmarshal(raw[what], into); err != nil || *into <= 0 {
			t.Errorf("%s is %s: %v", what, raw[what], err)
		}
		delete(raw, what)
	}
	text, err := json.Marshal(raw)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if want := reflect.TypeFor[printed]().NumField(); len(raw) != want {
		t.Errorf("%d figures were printed, not %d: %s", len(raw), want, text)
	}
	return got, times
}

// replayed is what `audit replay --json` prints of what an import does.
type replayed struct {
	Events   int64            `json:"events"`
	Orders   map[string]int64 `json:"orders"`
	Captured map[string]int64 `json:"captured_minor"`
	Refunded map[string]int64 `json:"refunded_minor"`
	Units    struct {
		Received  int64 `json:"received"`
		Reserved  int64 `json:"reserved"`
		Released  int64 `json:"released"`
		Committed int64 `json:"committed"`
		Returned  int64 `json:"returned"`
	} `json:"units"`
}

// importAgrees imports a file and compares everything that can tell how it
// went with the oracle: the importer's words, the log, the views, and the
// books of the outside world. A second run must change nothing.
func importAgrees(t *testing.T, binary program, file string, stock int64) {
	want := compute(t, file, stock)
	n := binary.on(t.TempDir())
	got, times := n.runImport(t, file, asFlag(stock))
	if !reflect.DeepEqual(got, want.printed(t)) {
		t.Fatalf("the import says\n%+v, the file\n%+v", got, want.printed(t))
	}
	t.Logf("%d orders in %.1f s: %.0f orders/s", got.OrdersPlaced, times.Elapsed, times.Rate)
	logAgrees(t, n, want)
	viewsAgree(t, n, want)
	gatewayAgrees(t, n, want)
	events := checkLog(t, n)
	if again, _ := n.runImport(t, file, asFlag(stock)); !reflect.DeepEqual(again, got) {
		t.Errorf("the second run says\n%+v, the first\n%+v", again, got)
	}
	if after := checkLog(t, n); after != events {
		t.Errorf("the second run took the log from %d to %d events", events, after)
	}
	verifies(t, n)
}

func logAgrees(t *testing.T, n program, want figures) {
	t.Helper()
	var got, expect replayed
	n.ask(t, &got, "audit", "replay")
	expect.Events = got.Events
	expect.Orders = map[string]int64{"confirmed": int64(want.confirmed)}
	if want.outOfStock > 0 {
		expect.Orders["rejected"] = int64(want.outOfStock)
	}
	expect.Captured = map[string]int64{"GBP": pence(t, want.captured)}
	expect.Refunded = map[string]int64{"GBP": pence(t, want.refunded)}
	expect.Units.Received, expect.Units.Reserved, expect.Units.Committed = want.received, want.sold, want.sold
	expect.Units.Returned = want.returned
	if !reflect.DeepEqual(got, expect) {
		t.Errorf("the log says\n%+v, the file\n%+v", got, expect)
	}
}

func viewsAgree(t *testing.T, n program, want figures) {
	t.Helper()
	const orders = `SELECT count(*), sum(status = 'confirmed'), sum(status = 'rejected' AND reason = 'out_of_stock'),
		sum(CASE status WHEN 'confirmed' THEN total_minor ELSE 0 END), sum(refunded_minor), sum(returned_units) FROM orders`
	n.query(t, "orders", orders, int64(want.placed), int64(want.confirmed), int64(want.outOfStock),
		pence(t, want.captured), pence(t, want.refunded), want.returned)
	n.query(t, "orders", `SELECT sum(captured_minor), sum(refunded_minor) FROM payments`, pence(t, want.captured), pence(t, want.refunded))
	n.query(t, "orders", `SELECT count(*), sum(finished), sum(attention_step <> '') FROM fulfilments`, int64(want.placed), int64(want.placed), int64(0))
	n.query(t, "stock", `SELECT sum(received), sum(reserved), sum(released), sum(committed), sum(returned) FROM stock`,
		want.received, int64(0), int64(0), want.sold, want.returned) // reserved is what is set aside now
	n.query(t, "orders", `SELECT sum(placed), sum(orders), sum(revenue_minor), sum(refunded_minor) FROM sales`,
		int64(want.placed), int64(want.confirmed), pence(t, want.captured), pence(t, want.refunded))
	articles := int64(len(want.units))
	n.query(t, "products", `SELECT count(*), sum(listed) FROM products`, articles, articles)
}

// query reads one row of integers from the serving file of a view group.
func (n program) query(t *testing.T, group, question string, want ...int64) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(n.data, "views", group+"-*.db"))
	if err != nil || len(files) != 1 {
		t.Fatalf("the view group %s is in %v: %v", group, files, err)
	}
	db, err := sql.Open("sqlite", "file:"+files[0]+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // only read
	got, into := make([]int64, len(want)), make([]any, len(want))
	for i := range got {
		into[i] = &got[i]
	}
	if err := db.QueryRowContext(t.Context(), question).Scan(into...); err != nil {
		t.Fatalf("%s: %v", question, err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s\nsays %v, the file %v", question, got, want)
	}
}

func gatewayAgrees(t *testing.T, n program, want figures) {
	t.Helper()
	ledger, err := simulator.ReadLedger(filepath.Join(n.data, "simulator", simulator.LedgerFile))
	if err != nil {
		t.Fatal(err)
	}
	if got := ledger.Captured["GBP"]; got != pence(t, want.captured) || len(ledger.Captured) > 1 {
		t.Errorf("the gateway captured %v, the file says %d", ledger.Captured, pence(t, want.captured))
	}
	if got := ledger.Refunded["GBP"]; got != pence(t, want.refunded) || len(ledger.Refunded) > 1 {
		t.Errorf("the gateway refunded %v, the file says %d", ledger.Refunded, pence(t, want.refunded))
	}
	if got := ledger.Bookings - ledger.Cancellations; got != int64(want.confirmed) {
		t.Errorf("the carrier has %d parcels, the file %d", got, want.confirmed)
	}
	if twice := ledger.DoubleCharged(); len(twice) > 0 {
		t.Errorf("charged twice: %v", twice)
	}
}

// verifies has the views replayed into a shadow and compared.
func verifies(t *testing.T, n program) {
	t.Helper()
	if out, err := n.command(t, "projections", "verify").CombinedOutput(); err != nil {
		t.Errorf("projections verify: %v\n%s", err, out)
	}
}
