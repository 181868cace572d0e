package retail

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"orderflow/commands"
	"orderflow/domain"
)

// failingBus refuses the first commands with an error of a kind.
type failingBus struct {
	kind  domain.Kind
	fails int
	sent  int
}

func (b *failingBus) Send(context.Context, commands.Command) (commands.Reply, error) {
	if b.sent++; b.sent <= b.fails {
		return commands.Reply{}, domain.Errorf(b.kind, "The bus fails.")
	}
	return commands.Reply{}, nil
}

// TestSend: the waits are 50 ms and double, one before each repeat and none after
// the last failure.
func TestSend(t *testing.T) {
	for name, c := range map[string]struct {
		bus   failingBus
		sent  int
		took  time.Duration
		fails bool
	}{
		"success":                  {failingBus{}, 1, 0, false},
		"a command that is wrong":  {failingBus{kind: domain.Invalid, fails: 1}, 1, 0, true},
		"three failures that pass": {failingBus{kind: domain.Unavailable, fails: 3}, 4, 350 * time.Millisecond, false},
		"failures without end":     {failingBus{kind: domain.Conflict, fails: 100}, maxSends, 6350 * time.Millisecond, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				err := Import{Bus: &c.bus}.send(t.Context(), commands.ReceiveStock{})
				if c.bus.sent != c.sent || time.Since(begun) != c.took || (err != nil) != c.fails {
					t.Errorf("sent %d times in %s with the error %v, want %d times in %s", c.bus.sent, time.Since(begun), err, c.sent, c.took)
				}
			})
		})
	}
}

func TestSendEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		bus := &failingBus{kind: domain.Unavailable, fails: 100}
		if err := (Import{Bus: bus}).send(ctx, commands.ReceiveStock{}); err != context.DeadlineExceeded || bus.sent != 2 { //nolint:errorlint // the context's own
			t.Errorf("sent %d times, then %v", bus.sent, err)
		}
	})
}
