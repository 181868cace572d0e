package sqlite_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	"orderflow/domain/eventlog"
	"orderflow/infra/sqlite"
	"orderflow/projections"
)

// fileBefore is what the version before made and wrote: it kept no marks. The
// tag is of its schema and fold; a file of another tag is thrown away.
const fileBefore = `
CREATE TABLE meta (
  id       INTEGER PRIMARY KEY CHECK (id = 1),
  tag      TEXT    NOT NULL, -- of the schema and fold that filled this file
  position INTEGER NOT NULL  -- up to where the rows reflect the log
) STRICT;
CREATE TABLE products (
  sku         TEXT    PRIMARY KEY,
  name        TEXT    NOT NULL,
  price_minor INTEGER NOT NULL,
  currency    TEXT    NOT NULL,
  listed      INTEGER NOT NULL,
  version     INTEGER NOT NULL,
  position    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX products_listed ON products (sku) WHERE listed = 1;
INSERT INTO meta (id, tag, position) VALUES (1, 'products fold 1 schema df54dd76bd00a51c', 4711);
INSERT INTO products VALUES ('kept', 'A', 255, 'GBP', 1, 1, 4711);`

func products(t *testing.T) projections.Group {
	t.Helper()
	g, err := projections.GroupOf(projections.Products)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// raw opens a file of views without the program around it.
func raw(t *testing.T, dir string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "products-1.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() }) // it may be closed
	return db
}

func checkpoint(t *testing.T, v *sqlite.Views) eventlog.Checkpoint {
	t.Helper()
	s, err := v.Live(t.Context(), products(t))
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestAFileOfTheVersionBeforeIsTakenOver opens a file without the columns of the
// marks, lets the version before have it again, and takes it back.
func TestAFileOfTheVersionBeforeIsTakenOver(t *testing.T) {
	dir := t.TempDir()
	made := raw(t, dir)
	if _, err := made.ExecContext(t.Context(), fileBefore); err != nil {
		t.Fatal(err)
	}
	if err := made.Close(); err != nil {
		t.Fatal(err)
	}
	v := open(t, dir)
	if c, want := checkpoint(t, v), (eventlog.Checkpoint{Event: eventlog.Mark{Position: 4711}}); c != want {
		t.Fatalf("the checkpoint is %+v, want %+v", c, want)
	}
	if p, err := v.Product(t.Context(), "kept"); err != nil || p.Name != "A" {
		t.Errorf("its row is %+v, %v", p, err)
	}
	full := eventlog.Checkpoint{Event: eventlog.Mark{Position: 5000, ID: eventlog.EventID{1}}, Passed: eventlog.Mark{Position: 6000, ID: eventlog.EventID{2}}}
	s, err := v.Live(t.Context(), products(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Write(t.Context(), projections.Batch{Above: 4711, To: full}); err != nil {
		t.Fatal(err)
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	v = open(t, dir)
	if c := checkpoint(t, v); c != full {
		t.Errorf("after a restart the checkpoint is %+v, want %+v", c, full)
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	db := raw(t, dir) // the version before moves on
	if r, err := db.ExecContext(t.Context(), "UPDATE meta SET position = ?2 WHERE id = 1 AND position = ?1", 6000, 7000); err != nil {
		t.Fatal(err)
	} else if n, _ := r.RowsAffected(); n != 1 {
		t.Fatal("the version before does not find its position")
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if c, want := checkpoint(t, open(t, dir)), (eventlog.Checkpoint{Event: eventlog.Mark{Position: 7000}}); c != want {
		t.Errorf("after the version before the checkpoint is %+v, want %+v", c, want)
	}
}
