package postgres_test

import (
	"log/slog"
	"testing"

	"go.uber.org/goleak"

	"orderflow/infra/postgres"
	"orderflow/infra/servicestest"
	"orderflow/projections"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// serve opens the server of a URL until t ends.
func serve(t testing.TB, url string) *postgres.Server {
	t.Helper()
	s, err := postgres.Open(t.Context(), postgres.Options{URL: url, Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// open opens views as one process of a fleet does.
func open(t testing.TB, url string) *postgres.Views {
	t.Helper()
	v, err := serve(t, url).Views(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	})
	return v
}

func fresh(t testing.TB) *postgres.Views {
	t.Helper()
	return open(t, servicestest.Postgres(t))
}

func groupOf(t testing.TB, name string) projections.Group {
	t.Helper()
	g, err := projections.GroupOf(name)
	if err != nil {
		t.Fatal(err)
	}
	return g
}
