package following_test

import (
	"context"
	"errors"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/following"
	"orderflow/infra/memory"
)

// A checkpoint is proven: what does not prove begins with the first event, and
// one warning says which reader, where and why.
func TestResume(t *testing.T) {
	type given struct {
		mine, end eventlog.Mark
		log       *memory.Log
	}
	id := func(m eventlog.Mark) eventlog.Mark { m.ID[3]++; return m }
	for name, c := range map[string]struct {
		saved func(given) eventlog.Checkpoint
		above func(given) eventlog.Checkpoint // nil: the beginning
		why   string
	}{
		"nothing": {saved: func(given) eventlog.Checkpoint { return eventlog.Checkpoint{} }, above: func(given) eventlog.Checkpoint { return eventlog.Checkpoint{} }},
		"an event": {
			saved: func(g given) eventlog.Checkpoint { return eventlog.Checkpoint{Event: g.mine} },
			above: func(g given) eventlog.Checkpoint { return eventlog.Checkpoint{Event: g.mine} },
		},
		"a watermark": {
			saved: func(g given) eventlog.Checkpoint { return eventlog.Checkpoint{Event: g.mine, Passed: g.end} },
			above: func(g given) eventlog.Checkpoint { return eventlog.Checkpoint{Event: g.mine, Passed: g.end} },
		},
		"a watermark that is gone": {
			saved: func(g given) eventlog.Checkpoint { return eventlog.Checkpoint{Event: g.mine, Passed: id(g.end)} },
			above: func(g given) eventlog.Checkpoint { return eventlog.Checkpoint{Event: g.mine} },
		},
		"a watermark and no event yet": {
			saved: func(g given) eventlog.Checkpoint { return eventlog.Checkpoint{Passed: g.end} },
			above: func(g given) eventlog.Checkpoint { return eventlog.Checkpoint{Passed: g.end} },
		},
		"a position of an older version": {
			saved: func(g given) eventlog.Checkpoint {
				return eventlog.Checkpoint{Event: eventlog.Mark{Position: g.mine.Position}}
			},
			above: func(g given) eventlog.Checkpoint { return eventlog.Checkpoint{Event: g.mine} },
		},
		"the number before an event, of an older version": {
			saved: func(g given) eventlog.Checkpoint {
				return eventlog.Checkpoint{Event: eventlog.Mark{Position: g.mine.Position - 1}}
			},
			why: "no event at this position",
		},
		"another id": {saved: func(g given) eventlog.Checkpoint { return eventlog.Checkpoint{Event: id(g.mine)} }, why: "another event at this position, of mine-1"},
		"beyond the end": {saved: func(g given) eventlog.Checkpoint {
			return eventlog.Checkpoint{Event: eventlog.Mark{Position: g.end.Position + 1, ID: g.end.ID}}
		}, why: "beyond the end of the log"},
		"a scavenged event": {saved: func(g given) eventlog.Checkpoint {
			g.log.Scavenge("mine-1", 4)
			return eventlog.Checkpoint{Event: g.mine}
		}, why: "no event at this position"},
		"a scavenged event and a watermark": {
			saved: func(g given) eventlog.Checkpoint {
				g.log.Scavenge("mine-1", 4)
				return eventlog.Checkpoint{Event: g.mine, Passed: g.end}
			},
			above: func(g given) eventlog.Checkpoint { return eventlog.Checkpoint{Event: g.mine, Passed: g.end} },
		},
		"a scavenged event and a watermark that is gone": {saved: func(g given) eventlog.Checkpoint {
			g.log.Scavenge("mine-1", 4)
			return eventlog.Checkpoint{Event: g.mine, Passed: id(g.end)}
		}, why: "no event at this position"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(b *bench) {
				g := given{log: b.log}
				g.mine = b.add(b.log, "mine-1", 3)
				g.end = b.add(b.log, "others-1", 3)
				want := eventlog.Checkpoint{}
				if c.above != nil {
					want = c.above(g)
				}
				saved := c.saved(g)
				above, err := b.Resume(b.t.Context(), saved)
				if err != nil || above != want {
					b.t.Errorf("it goes on at %+v, %v; want %+v", above, err, want)
				}
				warnings := 0
				if c.why != "" {
					warnings = 1
				}
				if n := b.said.times("level=WARN", "saga test", "position=", c.why); n != warnings {
					b.t.Errorf("%d warnings, want %d: %s", n, warnings, b.said.text.String())
				}
				for range b.log.Subscribe(canceled(b.t), above.Position()) { // which refuses what is no position
					break
				}
				for _, err := range b.log.ReadAll(b.t.Context(), above.Position(), "mine") {
					if err != nil {
						b.t.Error(err)
					}
				}
			})
		})
	}
}

func canceled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// failing is a log whose questions by position fail.
type failing struct {
	*memory.Log
	err   error
	asked int
	until int // so often
}

func (f *failing) At(ctx context.Context, p eventlog.Position) (eventlog.Recorded, bool, error) {
	if f.asked++; f.asked <= f.until {
		return eventlog.Recorded{}, false, f.err
	}
	return f.Log.At(ctx, p)
}

// A log that does not answer is waited for, and does not count as another log;
// a broken one ends the reader.
func TestResumeWaitsForTheLog(t *testing.T) {
	inBubble(t, func(b *bench) {
		saved := eventlog.Checkpoint{Event: b.add(b.log, "mine-1", 3)}
		log := &failing{Log: b.log, err: domain.Errorf(domain.Unavailable, "no leader"), until: 5}
		b.config.Log = log
		f := following.New(b.config)
		if above, err := f.Resume(b.t.Context(), saved); err != nil || above != saved {
			b.t.Errorf("it goes on at %+v, %v", above, err)
		}
		if n := b.said.times("cannot be followed"); n != 1 {
			b.t.Errorf("logged %d times, want once", n)
		}
		log.until, log.err = 1<<30, domain.Errorf(domain.Internal, "broken")
		if _, err := f.Resume(b.t.Context(), saved); domain.KindOf(err) != domain.Internal {
			b.t.Errorf("a broken log: %v", err)
		}
		log.err = domain.Errorf(domain.Unavailable, "no leader")
		ctx, cancel := context.WithTimeout(b.t.Context(), time.Minute)
		defer cancel()
		if _, err := f.Resume(ctx, saved); !errors.Is(err, context.DeadlineExceeded) {
			b.t.Errorf("a log that stays away: %v", err)
		}
	})
}

// plain is a log that can only be subscribed to.
type plain struct{ log *memory.Log }

func (p plain) Subscribe(ctx context.Context, above eventlog.Position, categories ...string) iter.Seq2[eventlog.Recorded, error] {
	return p.log.Subscribe(ctx, above, categories...)
}

// A feed that cannot find events is believed, and is caught up from the start.
func TestResumeOnAPlainFeed(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.config.Log = plain{b.log}
		f := following.New(b.config)
		saved := eventlog.Checkpoint{Event: b.add(b.log, "mine-1", 3)}
		if above, err := f.Resume(b.t.Context(), saved); err != nil || above != saved {
			b.t.Errorf("it goes on at %+v, %v", above, err)
		}
		if err := f.Ready(); err != nil {
			b.t.Error(err)
		}
		if at := f.Checkpoint(b.t.Context(), saved); at != saved {
			b.t.Errorf("it is saved as %+v", at)
		}
	})
}

// A checkpoint is saved with the id of the event it has passed, so that the next
// start proves it; an event that is gone is left out.
func TestCheckpointsAreCompleted(t *testing.T) {
	inBubble(t, func(b *bench) {
		mine := b.add(b.log, "mine-1", 1)
		end := b.add(b.log, "others-1", 3)
		b.apply = false
		stop := b.follow()
		synctest.Wait()
		dealt := eventlog.Checkpoint{Event: mine, Passed: eventlog.Mark{Position: end.Position}}
		whole := eventlog.Checkpoint{Event: mine, Passed: end}
		if at := b.Checkpoint(b.t.Context(), dealt); at != whole {
			b.t.Errorf("a watermark is saved as %+v, want %+v", at, whole)
		}
		later := b.add(b.log, "others-2", 300)
		time.Sleep(2 * following.CheckEvery)
		want := eventlog.Checkpoint{Event: mine, Passed: later}
		if at := b.Checkpoint(b.t.Context(), dealt); at != want {
			b.t.Errorf("what the watch found is saved as %+v, want %+v", at, want)
		}
		b.add(b.log, "others-3", 2)
		time.Sleep(2 * following.CheckEvery)
		b.log.Scavenge("others-3", 9)
		if at := b.Checkpoint(b.t.Context(), dealt); at != want {
			b.t.Errorf("with a scavenged event it is saved as %+v, want the one before, %+v", at, want)
		}
		next := b.add(b.log, "mine-1", 1)
		if at := b.Checkpoint(b.t.Context(), eventlog.Checkpoint{Event: next}); at != (eventlog.Checkpoint{Event: next}) {
			b.t.Errorf("an event above all is saved as %+v", at)
		}
		_ = stop()
	})
}
