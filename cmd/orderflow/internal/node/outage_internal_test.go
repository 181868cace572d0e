package node

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"orderflow/domain"
	"orderflow/infra/memory"
)

// away is a log that is served elsewhere, and does not answer at times.
type away struct {
	*memory.Log
	from, to time.Duration // it is away in between, since begun
	begun    time.Time
}

func (*away) Close() error { return nil }
func (*away) Name() string { return "db.example.com:2113" }

func (a *away) Ping(context.Context) error {
	if now := time.Since(a.begun); now >= a.from && now < a.to {
		return domain.Errorf(domain.Unavailable, "no answer")
	}
	return nil
}

// TestThroughOutages does work of some length on a log that goes away. What it
// does fails after giveUp without an answer, as a reading does.
func TestThroughOutages(t *testing.T) {
	const ever, giveUp = 24 * time.Hour, 15 * time.Second
	for name, c := range map[string]struct {
		from, to, takes time.Duration
		hangs           bool // the work waits for the log by itself, for longer
		runs            int
		ends            time.Duration // at most
		kind            domain.Kind
	}{
		"none":                          {from: ever, to: ever, takes: time.Hour, runs: 1, ends: time.Hour},
		"a restart":                     {from: 10 * time.Second, to: 45 * time.Second, takes: time.Minute, runs: 2, ends: 2 * time.Minute},
		"a short one":                   {from: 10 * time.Second, to: 11 * time.Second, takes: time.Minute, runs: 1, ends: time.Minute},
		"gone for good":                 {from: 10 * time.Second, to: ever, takes: time.Hour, runs: 1, ends: 10*time.Second + storePatience + outageLook, kind: domain.Unavailable},
		"gone while the work waits":     {from: 10 * time.Second, to: ever, takes: time.Hour, hangs: true, runs: 1, ends: 10*time.Second + storePatience + outageLook, kind: domain.Unavailable},
		"a restart that the work waits": {from: 10 * time.Second, to: 60 * time.Second, takes: time.Minute, hangs: true, runs: 1, ends: 2 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := &away{Log: memory.New(), from: c.from, to: c.to, begun: time.Now()}
				runs := 0
				err := throughOutages(t.Context(), log, plainly, func(ctx context.Context) error {
					runs++
					done := time.NewTimer(c.takes)
					for silent := time.Duration(0); ; {
						select {
						case <-done.C:
							return nil
						case <-ctx.Done():
							return ctx.Err()
						case <-time.After(time.Second):
						}
						if err := log.Ping(ctx); err == nil || c.hangs {
							silent = 0
						} else if silent += time.Second; silent >= giveUp {
							return err
						}
					}
				})
				if took := time.Since(log.begun); took > c.ends || runs != c.runs {
					t.Errorf("it ran %d times and ended after %s; want %d times, and at most %s", runs, took, c.runs, c.ends)
				}
				switch {
				case c.kind == 0 && err == nil:
				case domain.KindOf(err) != c.kind:
					t.Errorf("it ended with %v", err)
				case !strings.Contains(err.Error(), log.Name()) || !strings.Contains(err.Error(), "again"):
					t.Errorf("it does not say which server, or what to do: %v", err)
				}
			})
		})
	}
}

// TestOutagesAreNotTheReason: what fails while the log answers is not done again.
func TestOutagesAreNotTheReason(t *testing.T) {
	for _, why := range []error{domain.Errorf(domain.Unavailable, "nothing has moved"), domain.Errorf(domain.Invalid, "no"), errors.New("no")} {
		synctest.Test(t, func(t *testing.T) {
			log := &away{Log: memory.New(), from: time.Hour, to: time.Hour, begun: time.Now()}
			runs := 0
			err := throughOutages(t.Context(), log, plainly, func(context.Context) error { runs++; return why })
			if runs != 1 || !errors.Is(err, why) {
				t.Errorf("it ran %d times and ended with %v, want %v", runs, err, why)
			}
		})
	}
}

// plainly explains nothing.
func plainly(err error) error { return err }
