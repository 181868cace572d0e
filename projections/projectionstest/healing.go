package projectionstest

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/projections"
	"orderflow/readmodels"
)

// healingPatience bounds the wait for what has to come.
const healingPatience = 30 * time.Second

// HealingLog is a log of which events can be removed.
type HealingLog interface {
	projections.Log
	eventlog.PositionFinder

	// Scavenge removes the events of s below a version.
	Scavenge(s eventlog.Stream, below eventlog.Version)
}

// HealingViews are the views of a process.
type HealingViews interface {
	projections.Views
	readmodels.Orders
}

// RunHealing checks what becomes of views whose log is not the one any more that
// they were computed from: they are rebuilt beside the old rows, which are
// read throughout. views returns empty ones, newLog an empty log.
func RunHealing(t *testing.T, views func(t *testing.T) HealingViews, newLog func() HealingLog) {
	for name, damage := range map[string]func(*healing) (groups int){
		"another log of the same length": func(h *healing) int {
			h.log = h.filled("another", "another", Order{Number: 3, Lines: 2})
			return len(projections.Groups())
		},
		"set back and grown beyond": func(h *healing) int {
			h.log = h.filled("", "another", Order{Number: 3, Lines: 2}, Order{Number: 4, Lines: 2})
			return len(projections.Groups()) - 1 // the products are of the part that is the same
		},
		"a number beside the position": func(h *healing) int {
			for _, g := range projections.Groups() {
				s := h.live(g.Name)
				c, err := s.Checkpoint(h.Context())
				if err != nil {
					h.Fatal(err)
				}
				if err := s.Write(h.Context(), projections.Batch{Above: c.Position(), To: At(c.Position() - 1)}); err != nil {
					h.Fatal(err)
				}
			}
			return len(projections.Groups())
		},
		"the event was removed": func(h *healing) int {
			for _, g := range projections.Groups() {
				s := h.live(g.Name)
				c, err := s.Checkpoint(h.Context())
				if err != nil {
					h.Fatal(err)
				}
				last := c.Event // of a stream that is removed whole, so that the rest can be computed
				if last.Position, err = h.log.End(h.Context()); err != nil {
					h.Fatal(err)
				}
				last.ID = eventlog.EventID{}
				if err := s.Write(h.Context(), projections.Batch{Above: c.Position(), To: eventlog.Checkpoint{Event: last}}); err != nil {
					h.Fatal(err)
				}
			}
			h.log.Scavenge(strange, 2)
			return len(projections.Groups())
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := &healing{T: t, views: views(t), newLog: newLog}
			h.log = h.filled("", "", Order{Number: 2, Lines: 2})
			h.run(func(r *projections.Runner, _ *warnings) { h.ready(r) })
			h.heals(damage(h))
		})
	}
}

// strange is a stream of no category.
const strange eventlog.Stream = "strange-1"

type healing struct {
	*testing.T
	views  HealingViews
	newLog func() HealingLog
	log    HealingLog
}

// filled returns a log with stock, order 0, and then other orders; the salts are
// of the two parts.
func (h *healing) filled(begun, goes string, orders ...Order) HealingLog {
	h.Helper()
	log := h.newLog()
	history := &History{T: h, Log: log, Salt: begun}
	history.Append(Stocked()...)
	history.Append(Order{Number: 0, Lines: 2}.Confirmed()...)
	history.Salt = goes
	for _, o := range orders {
		history.Append(o.Confirmed()...)
	}
	history.Append(Fact{Stream: strange, Pending: eventlog.Pending{Type: "strange.v1", Data: []byte("{}")}})
	return log
}

func (h *healing) live(group string) projections.Store {
	h.Helper()
	return live(h.T, h.views, group)
}

// run lets a runner follow h's log while f works.
func (h *healing) run(f func(r *projections.Runner, w *warnings), gates ...*gate) {
	h.Helper()
	w := &warnings{Handler: slog.DiscardHandler}
	var log projections.Log = h.log
	if len(gates) > 0 {
		gates[0].HealingLog = h.log
		log = gates[0]
	}
	r := projections.NewRunner(projections.Config{Log: log, Views: h.views, Logger: slog.New(w)})
	ctx, cancel := context.WithCancel(h.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	f(r, w)
	cancel()
	if err := <-done; err != nil {
		h.Error(err)
	}
}

// ready waits until the views can be relied on.
func (h *healing) ready(r *projections.Runner) {
	h.Helper()
	h.until(func() bool { return r.Ready(h.Context()) == nil }, "the views are not ready: %v", func() any { return r.Ready(h.Context()) })
}

func (h *healing) until(ok func() bool, format string, what func() any) {
	h.Helper()
	for late := time.After(healingPatience); !ok(); {
		select {
		case <-late:
			h.Fatalf(format, what())
		case <-time.After(time.Millisecond):
		}
	}
}

// heals starts a runner on the log as it is now and holds it up while it
// rebuilds the views of so many groups.
func (h *healing) heals(groups int) {
	h.Helper()
	h.verifiable()
	g := &gate{open: make(chan struct{})}
	kept := Order{Number: 0, Lines: 2}.ID()
	stop := h.reads(kept)
	defer stop()
	h.run(func(r *projections.Runner, w *warnings) {
		h.until(func() bool { return w.count("rebuilt beside its old rows") == groups }, "the warnings are %q", func() any { return w.all() })
		h.inDoubt(r)
		if _, err := h.views.Order(h.Context(), kept); err != nil {
			h.Errorf("the old rows do not serve meanwhile: %v", err)
		}
		close(g.open)
		h.ready(r)
		for _, g := range projections.Groups() {
			report, err := r.Verify(h.Context(), g.Name, nil)
			if err != nil || !report.OK() {
				h.Errorf("%s was not computed from the log as it is: %v, %v", g.Name, err, report.Differences)
			}
		}
		if n := w.count("rebuilt beside its old rows"); n != groups {
			h.Errorf("it was said %d times: %q", n, w.all())
		}
	}, g)
	h.run(func(r *projections.Runner, w *warnings) { // and for good
		h.ready(r)
		if n := w.count(""); n > 0 {
			h.Errorf("the next start warns of %q", w.all())
		}
	})
}

// verifiable checks that views in doubt can be compared with the log all the same.
func (h *healing) verifiable() {
	h.Helper()
	r := projections.NewRunner(projections.Config{Log: h.log, Views: h.views, Logger: slog.New(slog.DiscardHandler)})
	for _, g := range projections.Groups() {
		if _, err := r.Verify(h.Context(), g.Name, nil); err != nil {
			h.Errorf("%s cannot be verified while it is in doubt: %v", g.Name, err)
		}
	}
}

// inDoubt checks what a runner says while views are rebuilt.
func (h *healing) inDoubt(r *projections.Runner) {
	h.Helper()
	err := r.Ready(h.Context())
	if domain.KindOf(err) != domain.Unavailable || !strings.Contains(err.Error(), "The view orders is being rebuilt") {
		h.Errorf("it is ready while its rows are in doubt: %v", err)
	}
	h.until(func() bool {
		all, err := r.Status(h.Context())
		return err == nil && all[0].State == projections.Recomputing && all[0].LagEvents > 0 && all[0].Error != ""
	}, "the status is %+v", func() any { s, err := r.Status(h.Context()); return []any{s, err} })
	brief, cancel := context.WithTimeout(h.Context(), time.Millisecond)
	defer cancel()
	if err := r.Await(brief, projections.Orders, 1); domain.KindOf(err) != domain.Unavailable {
		h.Errorf("rows in doubt count as having come to a position: %v", err)
	}
}

// reads reads an order over and over until stopped, and fails when that fails.
func (h *healing) reads(id domain.OrderID) (stop func()) {
	done := make(chan struct{})
	var reading sync.WaitGroup
	reading.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			if _, err := h.views.Order(h.Context(), id); err != nil {
				h.Errorf("a read meanwhile: %v", err)
				return
			}
		}
	})
	return func() { close(done); reading.Wait() }
}
