package sqlite_test

import (
	"log/slog"
	"testing"

	"orderflow/infra/sqlite"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func open(t testing.TB, dir string) *sqlite.Views {
	t.Helper()
	v, err := sqlite.Open(t.Context(), dir, quiet())
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
