package projections_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"

	"orderflow/domain/eventlog"
	"orderflow/infra/memory"
	"orderflow/infra/sqlite"
	"orderflow/projections"
	"orderflow/projections/projectionstest"
	"orderflow/readmodels"
)

// shown is a mirror that keeps everything, and how it looked when it came.
type shown struct {
	mu      sync.Mutex
	batches map[string][]projections.Batch
	looked  map[string][]string
	resets  map[string][]eventlog.Position
}

func newShown() *shown {
	return &shown{batches: map[string][]projections.Batch{}, looked: map[string][]string{}, resets: map[string][]eventlog.Position{}}
}

func (m *shown) Wrote(group string, b projections.Batch) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.batches[group] = append(m.batches[group], b)
	m.looked[group] = append(m.looked[group], fmt.Sprintf("%+v", b))
}

func (m *shown) Reset(group string, at eventlog.Position) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.resets[group] = append(m.resets[group], at)
}

func mirrored(t *testing.T, m projections.Mirror) *node {
	t.Helper()
	log, quiet := memory.New(), slog.New(slog.DiscardHandler)
	views, err := sqlite.Open(context.Background(), t.TempDir(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	n := &node{
		Runner:  projections.NewRunner(projections.Config{Log: log, Views: views, Mirror: m, Logger: quiet}),
		History: &projectionstest.History{T: t, Log: log}, log: log, views: views,
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := views.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

func TestTheMirrorIsShownEveryCommitInOrderAndForGood(t *testing.T) {
	m := newShown()
	n := mirrored(t, m)
	n.append(projectionstest.Stocked()...)
	o := projectionstest.Order{Number: 1, Lines: 3}
	n.append(o.Confirmed()...)
	n.caughtUp(t)
	n.append(o.ReturnAsked()...)
	n.append(o.Returned()...)
	n.verified(t)
	row := n.order(t, o)

	m.mu.Lock()
	defer m.mu.Unlock()
	for _, g := range projections.Groups() {
		at := eventlog.Position(0)
		for i, b := range m.batches[g.Name] {
			if b.Above != at || b.To.Position() <= at {
				t.Errorf("%s: batch %d goes from %d to %d, the one before ended at %d", g.Name, i, b.Above, b.To.Position(), at)
			}
			at = b.To.Position()
			if now := fmt.Sprintf("%+v", b); now != m.looked[g.Name][i] {
				t.Errorf("%s: batch %d changed after it was shown\nwas %s\nis  %s", g.Name, i, m.looked[g.Name][i], now)
			}
		}
		if at < n.last {
			t.Errorf("%s was shown up to %d, the log is at %d", g.Name, at, n.last)
		}
	}
	var last string
	for _, b := range m.batches[projections.Orders] {
		for _, r := range readmodels.OrderView.In(b.Rows) {
			last = fmt.Sprintf("%+v", r)
		}
	}
	if want := fmt.Sprintf("%+v", row); last != want {
		t.Errorf("the newest row shown\nhave %s\nwant %s", last, want)
	}
	if row.Lines[0].Returned == 0 {
		t.Error("nothing was returned; the test shows less than it says")
	}
}

func TestTheMirrorIsResetByARebuildAndFollowsOn(t *testing.T) {
	m := newShown()
	n := mirrored(t, m)
	o := projectionstest.Order{Number: 1, Lines: 1}
	n.append(o.Confirmed()...)
	n.caughtUp(t)
	m.mu.Lock()
	before, begun := len(m.batches[projections.Orders]), len(m.resets[projections.Orders])
	m.mu.Unlock()
	if begun == 0 {
		t.Error("rows from before the process began may be shown: another process may have put others in place")
	}
	done, err := n.Rebuild(t.Context(), projections.Orders, nil)
	if err != nil {
		t.Fatal(err)
	}
	n.append(o.CancelAsked()...)
	n.caughtUp(t)

	m.mu.Lock()
	defer m.mu.Unlock()
	if r := m.resets[projections.Orders][begun:]; len(r) != 1 || r[0] != done.Position {
		t.Errorf("resets are %v, the rebuild ended at %d", m.resets, done.Position)
	}
	after := m.batches[projections.Orders][before:]
	if len(after) == 0 || after[0].Above != done.Position {
		t.Errorf("after the rebuild at %d came %v", done.Position, after)
	}
}
