package postgres_test

import (
	"strings"
	"testing"

	"orderflow/domain/eventlog"
	"orderflow/domain/eventlog/eventlogtest"
	"orderflow/infra/deploy/servicestest"
	"orderflow/infra/postgres"
	"orderflow/projections"
	"orderflow/projections/projectionstest"
	"orderflow/readmodels"
	"orderflow/readmodels/readmodelstest"
)

func TestViews(t *testing.T) {
	t.Parallel()
	empty := cleared(t)
	projectionstest.Run(t, func(t *testing.T) projections.Views { return empty(t) })
}

func TestReaders(t *testing.T) {
	t.Parallel()
	empty := cleared(t)
	readmodelstest.Run(t, func(t *testing.T) (readmodels.Readers, func(readmodels.Rows)) {
		v := empty(t)
		return v, filler(t, v)
	})
}

func filler(t *testing.T, v *postgres.Views) func(readmodels.Rows) {
	return func(r readmodels.Rows) {
		for _, g := range projections.Groups() {
			put(t, v, g.Name, projectionstest.RowsOf(g, r))
		}
	}
}

// TestReadersInADatabaseOfAnotherLocale: an administrator made the databases, and
// gave them an order of letters in which "a" comes before "B".
func TestReadersInADatabaseOfAnotherLocale(t *testing.T) {
	t.Parallel()
	readmodelstest.Run(t, func(t *testing.T) (readmodels.Readers, func(readmodels.Rows)) {
		if !strings.HasSuffix(t.Name(), "stock_and_products_come_by_SKU") {
			t.SkipNow() // the other questions are not about the order of letters
		}
		url := servicestest.Postgres(t)
		admin := adminOf(t, url)
		for _, service := range []string{"order", "inventory"} {
			exec(t, admin, "CREATE DATABASE "+admin.Config().Database+"_"+service+" TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'en' LOCALE 'C.UTF-8'")
		}
		v := open(t, url)
		return v, filler(t, v)
	})
}

// TestReadersOfABuild asks the same of rows that came by COPY.
func TestReadersOfABuild(t *testing.T) {
	t.Parallel()
	empty := cleared(t)
	readmodelstest.Run(t, func(t *testing.T) (readmodels.Readers, func(readmodels.Rows)) {
		v := empty(t)
		return v, func(r readmodels.Rows) {
			for _, g := range projections.Groups() {
				build(t, v, g.Name, projectionstest.RowsOf(g, r))
			}
		}
	})
}

func put(t testing.TB, v *postgres.Views, group string, rows readmodels.Rows) {
	t.Helper()
	s, err := v.Live(t.Context(), groupOf(t, group))
	if err != nil {
		t.Fatal(err)
	}
	at, err := s.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Write(t.Context(), projections.Batch{Above: at.Position(), To: projectionstest.At(at.Position() + 1), Rows: rows}); err != nil {
		t.Fatal(err)
	}
}

// build writes rows twice, the second time over themselves, and promotes.
func build(t testing.TB, v *postgres.Views, group string, rows readmodels.Rows) {
	t.Helper()
	b, err := v.Build(t.Context(), groupOf(t, group))
	if err != nil {
		t.Fatal(err)
	}
	for at := range eventlog.Position(2) {
		if err := b.Write(t.Context(), projections.Batch{Above: at, To: projectionstest.At(at + 1), Rows: rows}); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestStates(t *testing.T) {
	t.Parallel()
	url := servicestest.Postgres(t)
	eventlogtest.RunSnapshots(t, func(t testing.TB) eventlog.Snapshots {
		s, err := serve(t, url).States(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		exec(t, connect(t, url, "inventory"), "DELETE FROM states")
		return s
	})
}
