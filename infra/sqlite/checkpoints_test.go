package sqlite_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	"orderflow/domain/eventlog"
	"orderflow/infra/sqlite"
	"orderflow/sagas"
	"orderflow/sagas/sagastest"
)

func openCheckpoints(t *testing.T, dir string) *sqlite.Checkpoints {
	t.Helper()
	c, err := sqlite.OpenCheckpoints(t.Context(), dir, quiet())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // again does no harm
	return c
}

func TestCheckpointsSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	last := openCheckpoints(t, dir)
	sagastest.RunCheckpoints(t, func(t *testing.T) sagas.Checkpoints {
		if err := last.Close(); err != nil {
			t.Fatal(err)
		}
		last = openCheckpoints(t, dir)
		return last
	})
}

// The file as the version before made it, and how that wrote to it.
const (
	oldTable = `CREATE TABLE IF NOT EXISTS checkpoints (
  name     TEXT    PRIMARY KEY,
  position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;`
	oldSave = `INSERT INTO checkpoints (name, position) VALUES (?1, ?2)
ON CONFLICT (name) DO UPDATE SET position = excluded.position`
	oldLoad = `SELECT position FROM checkpoints WHERE name = ?1`
)

// A file of the version before is taken over in place. That version can go on
// with the file, and what it saves then has no id of another event.
func TestCheckpointsOfTheVersionBefore(t *testing.T) {
	dir := t.TempDir()
	old, err := sql.Open("sqlite", filepath.Join(dir, "checkpoints.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close() //nolint:errcheck // the test is over
	before := func(query string, args ...any) {
		t.Helper()
		if _, err := old.ExecContext(t.Context(), query, args...); err != nil {
			t.Fatal(err)
		}
	}
	before("PRAGMA journal_mode = WAL")
	before(oldTable)
	before(oldSave, "charging", 41_233)
	for round := range 2 { // the second opens what the first has changed
		c := openCheckpoints(t, dir)
		want := eventlog.Checkpoint{Event: eventlog.Mark{Position: 41_233}}
		if have, err := c.LoadCheckpoint(t.Context(), "charging"); err != nil || have != want {
			t.Errorf("round %d: the old row is %+v, %v; want %+v", round, have, err, want)
		}
		whole := eventlog.Checkpoint{
			Event:  eventlog.Mark{Position: 50_000, ID: eventlog.EventID{1}},
			Passed: eventlog.Mark{Position: 60_000, ID: eventlog.EventID{2}},
		}
		if err := c.SaveCheckpoint(t.Context(), "charging", whole); err != nil {
			t.Fatal(err)
		}
		if have, err := c.LoadCheckpoint(t.Context(), "charging"); err != nil || have != whole {
			t.Errorf("round %d: saved is %+v, %v; want %+v", round, have, err, whole)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		var seen int64
		if err := old.QueryRowContext(t.Context(), oldLoad, "charging").Scan(&seen); err != nil || seen != 50_000 {
			t.Errorf("the version before reads %d, %v; want the event's position, which is one of the log", seen, err)
		}
		before(oldTable)
		before(oldSave, "charging", 41_233)
	}
}
