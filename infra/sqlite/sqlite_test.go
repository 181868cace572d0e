package sqlite_test

import (
	"context"
	"log/slog"
	"testing"

	"go.uber.org/goleak"

	"orderflow/infra/memory"
	"orderflow/infra/sqlite"
	"orderflow/projections"
	"orderflow/projections/projectionstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

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

func TestSmoke(t *testing.T) {
	log := memory.New()
	h := &projectionstest.History{T: t, Log: log}
	last := h.Append(projectionstest.Mixed(100, 10)...)
	v := open(t, t.TempDir())
	r := projections.NewRunner(projections.Config{Log: log, Views: v, Logger: quiet()})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	for _, g := range projections.Groups() {
		if err := r.Await(ctx, g.Name, last); err != nil {
			t.Fatal(err)
		}
		report, err := r.Verify(ctx, g.Name, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d rows, %d events, at %d, sums %v", g.Name, report.Rows, report.Events, report.Position, report.Sums)
		for _, d := range report.Differences {
			t.Error(d)
		}
		if _, err := r.Rebuild(ctx, g.Name, nil); err != nil {
			t.Fatal(err)
		}
	}
	s, err := r.Status(ctx)
	t.Logf("%+v %v", s, err)
	cancel()
	<-done
}
