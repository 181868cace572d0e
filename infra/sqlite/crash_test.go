package sqlite_test

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"io"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderflow/domain/eventlog"
	"orderflow/infra/memory"
	"orderflow/infra/sqlite"
	"orderflow/projections"
	"orderflow/projections/projectionstest"
)

// victimDir names the directory in which a child process projects until it is killed.
const victimDir = "ORDERFLOW_TEST_VICTIM_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimDir); dir != "" {
		victim(dir)
	}
	goleak.VerifyTestMain(m)
}

const crashOrders = 300

// crashLog is the same in every process: names, versions, times and all.
func crashLog(t testing.TB) (*memory.Log, eventlog.Position) {
	log := memory.NewAt(projectionstest.Start)
	h := &projectionstest.History{T: t, Log: log}
	return log, h.Append(projectionstest.Mixed(crashOrders, 3)...)
}

// victim follows the log and tells each commit; then it rebuilds for ever,
// so that some rounds are killed in the middle of a rebuild.
func victim(dir string) {
	t := &testing.B{}
	log, last := crashLog(t)
	v, err := sqlite.Open(context.Background(), dir, quiet())
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	slow := slowly{Log: log}
	r := projections.NewRunner(projections.Config{Log: slow, Views: v, Logger: quiet()})
	changes, stop := r.Changes().Listen()
	defer stop()
	go func() {
		for c := range changes {
			fmt.Println(c.Group, c.Position)
		}
	}()
	go func() { _ = r.Run(context.Background()) }()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // ends when the test does, however it ends
		os.Exit(1)
	}()
	fmt.Println("began")
	for _, g := range projections.Groups() {
		if err := r.Await(context.Background(), g.Name, last); err != nil {
			fmt.Println("error", err)
		}
	}
	for {
		for _, g := range projections.Groups() {
			if _, err := r.Rebuild(context.Background(), g.Name, nil); err != nil {
				fmt.Println("error", err)
			}
			fmt.Println("rebuilt", g.Name)
		}
	}
}

// TestKilledAtAnyMoment kills a projecting process after more and more of
// its commits and rebuilds, and goes on where it was: rows and position agree
// each time, and nothing of a rebuild stays behind.
func TestKilledAtAnyMoment(t *testing.T) {
	log, last := crashLog(t)
	dir := t.TempDir()
	rounds := 8
	if testing.Short() {
		rounds = 3
		t.Logf("in short form: %d of 8 rounds", rounds)
	}
	for round := range rounds {
		if round%4 == 0 {
			dir = t.TempDir()
		}
		kill(t, dir, 1+round*round)
		v, err := sqlite.Open(t.Context(), dir, quiet())
		if err != nil {
			t.Fatal(err)
		}
		r := projections.NewRunner(projections.Config{Log: log, Views: v, Logger: quiet()})
		for _, g := range projections.Groups() {
			report, err := r.Verify(t.Context(), g.Name, nil) // at whatever position it was killed
			if err != nil || !report.OK() {
				t.Errorf("round %d, %s at %d of %d: %v, %v", round, g.Name, report.Position, last, err, report.Differences)
			}
			files, err := filepath.Glob(filepath.Join(dir, g.Name+"-*.db"))
			if err != nil || len(files) != 1 {
				t.Errorf("round %d: %s has the files %v, %v", round, g.Name, files, err)
			}
		}
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	}
}

// kill starts a victim and kills it after it told so many things.
func kill(t *testing.T, dir string, lines int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), victimDir+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close() //nolint:errcheck // nothing is written to it
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	told := bufio.NewScanner(out)
	for range lines {
		if !told.Scan() || strings.HasPrefix(told.Text(), "error") {
			t.Errorf("the victim ended by itself: %q", told.Text())
			break
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait() // it was killed, and says so
}

func TestVerifyFindsWhatIsWrong(t *testing.T) {
	log, _ := crashLog(t)
	for name, harm := range map[string]struct{ group, statement, want string }{
		"a field":       {projections.Orders, "UPDATE orders SET status = 'rejected' WHERE id LIKE '%000'", "orders ord_00000000000000000000000000: Status is rejected, the log says confirmed"},
		"a sum":         {projections.Orders, "UPDATE payments SET captured_minor = captured_minor + 1 WHERE order_id LIKE '%000'", "sums payments.captured.GBP: total is"},
		"a missing row": {projections.Orders, "DELETE FROM fulfilments WHERE order_id LIKE '%007'", "fulfilments ord_00000000000000000000000007: is missing"},
		"a surplus row": {projections.Products, "INSERT INTO products VALUES ('AAA', 'n', 1, 'GBP', 1, 1, 1)", "products AAA: should not be there"},
		"stock":         {projections.Stock, "UPDATE stock SET reserved = reserved + 1 WHERE sku = 'SKU-0001'", "sums stock.reserved: total is"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			v := open(t, dir)
			r := projections.NewRunner(projections.Config{Log: log, Views: v, Logger: quiet()})
			if _, err := r.Rebuild(t.Context(), harm.group, nil); err != nil {
				t.Fatal(err)
			}
			damage(t, filepath.Join(dir, harm.group+"-2.db"), harm.statement)
			report, err := r.Verify(t.Context(), harm.group, nil)
			if err != nil {
				t.Fatal(err)
			}
			found := fmt.Sprint(report.Differences)
			if report.OK() || !strings.Contains(found, harm.want) {
				t.Errorf("the report has %s\nwant %s", found, harm.want)
			}
			if _, err := r.Rebuild(t.Context(), harm.group, nil); err != nil {
				t.Fatal(err)
			}
			if report, err = r.Verify(t.Context(), harm.group, nil); err != nil || !report.OK() {
				t.Errorf("after a rebuild: %v, %v", err, report.Differences)
			}
		})
	}
}

func damage(t *testing.T, file, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // the statement is what counts
	done, err := db.ExecContext(t.Context(), statement)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := done.RowsAffected(); err != nil || n == 0 {
		t.Fatalf("no row was harmed: %v", err)
	}
}

func TestAFileOfNoUseIsFilledAgain(t *testing.T) {
	log, last := crashLog(t)
	for name, harm := range map[string]func(t *testing.T, file string){
		"not a database": func(t *testing.T, file string) {
			if err := os.WriteFile(file, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"another schema": func(t *testing.T, file string) { damage(t, file, "UPDATE meta SET tag = 'orders fold 99'") },
		"no tag":         func(t *testing.T, file string) { damage(t, file, "DELETE FROM meta") },
		"gone":           func(_ *testing.T, file string) { _ = os.Remove(file) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			v, err := sqlite.Open(t.Context(), dir, quiet())
			if err != nil {
				t.Fatal(err)
			}
			r := projections.NewRunner(projections.Config{Log: log, Views: v, Logger: quiet()})
			if _, err := r.Rebuild(t.Context(), projections.Orders, nil); err != nil {
				t.Fatal(err)
			}
			if err := v.Close(); err != nil {
				t.Fatal(err)
			}
			harm(t, filepath.Join(dir, "orders-2.db"))
			again := projections.NewRunner(projections.Config{Log: log, Views: open(t, dir), Logger: quiet()})
			before, err := again.Status(t.Context())
			if err != nil || before[0].Position != 0 {
				t.Errorf("the file was kept: %+v, %v", before, err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- again.Run(ctx) }()
			if err := again.Await(ctx, projections.Orders, last); err != nil {
				t.Error(err)
			}
			report, err := again.Verify(ctx, projections.Orders, nil)
			if err != nil || !report.OK() || report.Rows == 0 {
				t.Errorf("filled again: %v, %v", err, report.Differences)
			}
			cancel()
			<-done
		})
	}
}

// slowly hands out a log in pieces longer apart than a batch waits, so that
// there are many commits to be killed between.
type slowly struct{ *memory.Log }

func (s slowly) Subscribe(ctx context.Context, above eventlog.Position, categories ...string) iter.Seq2[eventlog.Recorded, error] {
	return func(yield func(eventlog.Recorded, error) bool) {
		n := 0
		for r, err := range s.Log.Subscribe(ctx, above, categories...) {
			if n++; n%200 == 0 {
				<-time.After(2 * projections.MaxBatchWait)
			}
			if !yield(r, err) {
				return
			}
		}
	}
}
