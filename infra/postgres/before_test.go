package postgres_test

import (
	"testing"

	"orderflow/domain/eventlog"
	"orderflow/infra/deploy/servicestest"
	"orderflow/infra/memory"
	"orderflow/infra/postgres"
	"orderflow/projections"
	"orderflow/projections/projectionstest"
	"orderflow/readmodels"
)

// before makes the tables of versions what they were before they had marks, and
// before there were holes.
const before = `
	DROP TABLE holes;
	ALTER TABLE versions DROP COLUMN event_position, DROP COLUMN event_id, DROP COLUMN passed_position, DROP COLUMN passed_id;
	DROP FUNCTION advance(bigint, bigint, bigint, bigint, bytea, bigint, bytea);
	DELETE FROM views_migrations WHERE version_id > 1;
	SELECT advance(id, position, 4711) FROM versions WHERE view_group = 'products'`

// TestADatabaseOfTheVersionBeforeIsTakenOver opens tables without the columns of
// the marks, lets a process of the version before write on, and takes it back.
func TestADatabaseOfTheVersionBeforeIsTakenOver(t *testing.T) {
	t.Parallel()
	url := servicestest.Postgres(t)
	v := open(t, url)
	put(t, v, projections.Products, readmodels.ProductView.Rows(readmodels.Product{SKU: "kept", Name: "A"}))
	c := connect(t, url, "inventory")
	exec(t, c, before)
	v = open(t, url)
	if c, want := checkpoint(t, v), projectionstest.At(4711); c != want {
		t.Fatalf("the checkpoint is %+v, want %+v", c, want)
	}
	if p, err := v.Product(t.Context(), "kept"); err != nil || p.Name != "A" {
		t.Errorf("its row is %+v, %v", p, err)
	}
	full := eventlog.Checkpoint{Event: eventlog.Mark{Position: 5000, ID: eventlog.EventID{1}}, Passed: eventlog.Mark{Position: 6000, ID: eventlog.EventID{2}}}
	s, err := v.Live(t.Context(), groupOf(t, projections.Products))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Write(t.Context(), projections.Batch{Above: 4711, To: full}); err != nil {
		t.Fatal(err)
	}
	if c := checkpoint(t, open(t, url)); c != full {
		t.Errorf("another process has the checkpoint %+v, want %+v", c, full)
	}
	exec(t, c, "SELECT advance(id, 6000, 7000) FROM versions WHERE view_group = 'products'") // as the version before asks
	if c, want := checkpoint(t, v), projectionstest.At(7000); c != want {
		t.Errorf("after the version before the checkpoint is %+v, want %+v", c, want)
	}
}

func checkpoint(t *testing.T, v *postgres.Views) eventlog.Checkpoint {
	t.Helper()
	s, err := v.Live(t.Context(), groupOf(t, projections.Products))
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestViewsOfALogThatIsNoMoreAreComputedAnew(t *testing.T) {
	t.Parallel()
	empty := cleared(t)
	projectionstest.RunHealing(t, func(t *testing.T) projectionstest.HealingViews { return empty(t) },
		func() projectionstest.HealingLog { return memory.New() })
}

func TestAHoleStopsNoView(t *testing.T) {
	t.Parallel()
	empty := cleared(t)
	projectionstest.RunHoles(t, func(t *testing.T) projectionstest.HoleViews { return empty(t) },
		func() projectionstest.HealingLog { return memory.New() })
}
