package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/projections"
	"orderflow/readmodels"
)

// What the WAL gathers is moved without a commit that waits for it, and then
// the WAL begins anew and does not grow for ever.
func TestTheWALIsMovedBesideTheCommits(t *testing.T) {
	views, err := Open(t.Context(), t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer views.Close() //nolint:errcheck // it is thrown away
	v := views.groups[projections.Orders].live
	at := eventlog.Position(0)
	commit := func() {
		t.Helper()
		b := projections.Batch{Above: at, To: eventlog.Checkpoint{Event: eventlog.Mark{Position: at + 1}}}
		for i := range 500 {
			id := domain.NewOrderID("customer", fmt.Sprint(at, i))
			readmodels.OrderView.Add(&b.Rows, readmodels.Order{ID: id, Lines: make([]readmodels.OrderLine, 10)})
		}
		if err := v.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		at++
	}
	pages := func() (written, moved int) {
		t.Helper()
		if written, moved, err = walPages(t.Context(), v.path); err != nil {
			t.Fatal(err)
		}
		return written, moved
	}
	for begun := time.Now(); ; {
		if time.Since(begun) > time.Minute {
			t.Fatal("the WAL was not moved")
		}
		written, moved := pages()
		if written > 0 && written == moved {
			break // by the mover: a commit would have moved it only when it was overdue
		}
		if written > overduePages {
			t.Fatalf("%d pages wait", written-moved)
		}
		if written < checkpointPages {
			commit()
		}
	}
	commit() // moves the rest, of which there may be none
	commit() // and so can begin anew
	if written, _ := pages(); written >= checkpointPages {
		t.Errorf("the WAL goes on to grow: %d pages", written)
	}
}

// walPages tells how many pages the WAL of a file has, and how many of them were moved.
func walPages(ctx context.Context, path string) (written, moved int, err error) {
	db, err := sql.Open("sqlite", dsn(path, false, checkpointerCacheKiB))
	if err != nil {
		return 0, 0, err
	}
	defer db.Close() //nolint:errcheck // it only looked
	var busy int
	err = db.QueryRowContext(ctx, "PRAGMA wal_checkpoint(NOOP)").Scan(&busy, &written, &moved)
	return written, moved, err
}
