package commands_test

import (
	"context"
	"iter"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"orderflow/commands"
	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/inventory"
	"orderflow/infra/memory"
)

// hanging is a log that takes its time for every operation: as long as wait, or
// until the context is done if it heeds one.
type hanging struct {
	*memory.Log
	read, append time.Duration
	heedless     bool
}

// forever is longer than anybody waits for a log.
const forever = time.Hour

func (h *hanging) hang(ctx context.Context, d time.Duration) error {
	if h.heedless {
		ctx = context.WithoutCancel(ctx)
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return domain.Wrap(domain.Unknown, ctx.Err(), "The log hangs.")
	}
}

func (h *hanging) Append(ctx context.Context, s eventlog.Stream, v eventlog.Version, events ...eventlog.Pending) (eventlog.Appended, error) {
	if err := h.hang(ctx, h.append); err != nil {
		return eventlog.Appended{}, err
	}
	return h.Log.Append(ctx, s, v, events...)
}

func (h *hanging) Read(ctx context.Context, s eventlog.Stream, above eventlog.Version) iter.Seq2[eventlog.Recorded, error] {
	return func(yield func(eventlog.Recorded, error) bool) {
		if err := h.hang(ctx, h.read); err != nil {
			yield(eventlog.Recorded{}, err)
			return
		}
		h.Log.Read(ctx, s, above)(yield)
	}
}

// TestEveryCommandIsAnsweredInTime sends commands one after the other to a log
// that hangs, so that all but the first queue behind a round that comes to
// nothing. None takes longer than CommandTimeout, and each says what to do.
func TestEveryCommandIsAnsweredInTime(t *testing.T) {
	receive := func(receipt string) commands.Command {
		return commands.ReceiveStock{Receipt: receipt, Units: []inventory.Units{{SKU: "holder", Quantity: 1}}}
	}
	ordered := func(key string) commands.Command { return place(key, line("holder", 1), line("lantern", 1)) }
	const slow = 2 * commands.CommandTimeout / 3 // two of them are too long
	for name, c := range map[string]struct {
		log     hanging
		command func(string) commands.Command
	}{
		"appends hang":                       {hanging{append: forever}, receive},
		"reads hang":                         {hanging{read: forever}, receive},
		"appends hang and heed no context":   {hanging{append: forever, heedless: true}, receive},
		"reads hang and heed no context":     {hanging{read: forever, heedless: true}, receive},
		"the catalogue hangs":                {hanging{read: forever}, ordered},
		"the catalogue is slow, and then so": {hanging{read: slow, append: slow}, ordered},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.log.Log = memory.New()
				furnished := commands.NewLocal(c.log.Log, nil)
				do(t, furnished, commands.ListProduct{SKU: "holder", Name: "Holder", Price: domain.GBP(255)})
				do(t, furnished, commands.ListProduct{SKU: "lantern", Name: "Lantern", Price: domain.GBP(339)})
				furnished.Close()
				l := commands.NewLocal(&c.log, nil)
				answers := make(chan error)
				for i := range 8 {
					go func() {
						begun := time.Now()
						_, err := l.Send(ctx(), c.command(string(rune('a'+i))))
						if took := time.Since(begun); took > commands.CommandTimeout {
							t.Errorf("command %d was answered after %s: %v", i, took, err)
						}
						answers <- err
					}()
					time.Sleep(3 * time.Second) // of the bubble's clock
				}
				for i := range 8 {
					err := <-answers
					if kind := domain.KindOf(err); err != nil && kind != domain.Unavailable && kind != domain.Unknown {
						t.Errorf("answer %d has kind %s: %v", i, kind, err)
					}
				}
				l.Close()
			})
		})
	}
}

// TestWhoIsRefusedIsToldWhy has the log say what is the matter before the time
// of a command is over; one that never had its turn is told that it was not
// carried out.
func TestWhoIsRefusedIsToldWhy(t *testing.T) {
	for name, c := range map[string]struct {
		heedless bool
		first    string
		second   string
		kind     domain.Kind // of the second
	}{
		"a log that heeds its context": {false, "The log hangs", "send it again", domain.Unknown},
		"a log that heeds nothing":     {true, "send it again", "not carried out", domain.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newTally(&hanging{Log: memory.New(), append: forever, heedless: c.heedless}, byValue, commands.Options[tally]{})
				first := send(ctx(), a, "first", add("first", 1))
				synctest.Wait()
				second := send(ctx(), a, "second", add("second", 1))
				one, two := <-first, <-second
				wantKind(t, one.err, domain.Unknown)
				wantKind(t, two.err, c.kind)
				if !strings.Contains(one.err.Error(), c.first) || !strings.Contains(two.err.Error(), c.second) {
					t.Errorf("the first is told %v, the second %v", one.err, two.err)
				}
				a.Close()
			})
		})
	}
}
