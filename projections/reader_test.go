package projections_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/following"
	"orderflow/infra/memory"
	"orderflow/projections"
	"orderflow/projections/projectionstest"
)

// elsewhere is views that another process projects.
type elsewhere struct {
	mu    sync.Mutex
	mark  projections.Cursor
	fails error
}

func (e *elsewhere) move(at eventlog.Position, fails error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.mark, e.fails = projections.Cursor{Version: 1, Position: at}, fails
}

func (e *elsewhere) Changed(context.Context, string, projections.Cursor, int) (projections.Change, projections.Cursor, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return projections.Change{Position: e.mark.Position}, e.mark, e.fails
}

func (e *elsewhere) Wait(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

// TestAReaderSaysWhatStandsStill lets made-up time go by for a process that does
// not project.
func TestAReaderSaysWhatStandsStill(t *testing.T) {
	now := time.Date(2010, 12, 1, 8, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	log := &walking{Log: memory.NewAt(clock)}
	h := &projectionstest.History{T: t, Log: log}
	views := &elsewhere{}
	r := projections.NewReader(projections.ReaderConfig{Views: views, Log: log, Groups: productsOnly(t), Now: clock, Logger: slog.New(slog.DiscardHandler)})
	ready := func(want bool, why string) {
		t.Helper()
		err := r.Ready(t.Context())
		if (err == nil) != want {
			t.Errorf("%s: ready says %v", why, err)
		}
		if err != nil && (domain.KindOf(err) != domain.Unavailable || !strings.Contains(err.Error(), "The view products")) {
			t.Errorf("%s: it says %v", why, err)
		}
	}
	first := h.Append(listed("a"))
	views.move(first, nil)
	ready(true, "at the end")
	others(t, log, 100)
	now = now.Add(time.Hour)
	ready(true, "behind by events of others")
	second := h.Append(listed("b"))
	ready(true, "behind for no time, after an idle hour")
	now = now.Add(following.StalledAfter - time.Second)
	ready(true, "behind for nine seconds")
	now = now.Add(time.Second)
	ready(false, "behind for ten seconds")
	reads := log.reads.Load()
	all, err := r.Status(t.Context())
	if err != nil || all[0].LagEvents != 1 || all[0].Lag != following.StalledAfter {
		t.Errorf("the status is %+v, %v", all, err)
	}
	if log.reads.Load() != reads {
		t.Error("the status read again what it had read")
	}
	third := h.Append(listed("c"))
	views.move(second, nil)
	ready(true, "it moved on")
	now = now.Add(following.StalledAfter)
	views.move(third, nil)
	ready(true, "it has everything")
	views.move(third, domain.Errorf(domain.Unavailable, "the database is away"))
	ready(true, "it cannot be looked at for a moment")
	now = now.Add(following.StalledAfter)
	ready(false, "it cannot be looked at for ten seconds")
}
