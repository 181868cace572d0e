package sagas

import (
	"context"
	"time"

	"orderflow/domain"
)

const (
	// ClaimFor is how long a process may call a provider for an order before another one
	// may: longer than a guarded call waits for a slot and for its answer. If a process
	// dies during a call, its order waits so long.
	ClaimFor = 10 * time.Second
	// ClaimMargin is how long before the end of its claim a process gives up a call,
	// because the clocks of processes differ.
	ClaimMargin = time.Second
)

// Claims makes the claims of one process. Where several processes drive sagas on one
// log, a process records a claim before it calls a provider for an order, and only the
// process whose append succeeds makes the call. See docs/adr/016.
type Claims struct {
	Process string // names this start of this process
	Shared  bool   // other processes drive the same saga on the same log
}

// New returns the claim of a call that begins now.
func (c Claims) New(now time.Time) domain.Claim {
	return domain.Claim{By: c.Process, Until: now.Add(ClaimFor).UTC().Truncate(time.Millisecond)}
}

// ForStart returns the claim of a first call, which is recorded together with what is
// asked for; the zero Claim if the log is not shared.
func (c Claims) ForStart(now time.Time) domain.Claim {
	if !c.Shared {
		return domain.Claim{}
	}
	return c.New(now)
}

// Covers reports whether a call may be made under the claim that is recorded: it is this
// process's and lasts long enough, or none is needed.
func (c Claims) Covers(recorded domain.Claim, now time.Time) bool {
	if !c.Shared && recorded == (domain.Claim{}) {
		return true
	}
	return recorded.By == c.Process && recorded.Until.Sub(now) > ClaimFor/2
}

// Within returns the context of a call under a claim. It ends before the claim does.
func Within(ctx context.Context, claim domain.Claim) (context.Context, context.CancelFunc) {
	if claim == (domain.Claim{}) {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, claim.Until.Add(-ClaimMargin))
}

// Ready is implemented by a provider that knows when a call would be refused before it
// is made; then no attempt needs to be recorded.
type Ready interface {
	// Ready returns ok, or the reason of the refusal and when to try again.
	Ready() (reason string, retryAt time.Time, ok bool)
}

// CircuitOpen is the reason of work that waits for a provider's breaker. The driver
// wakes it when the breaker lets calls through again, so it need not wait out its pause.
const CircuitOpen = "circuit_open"

// NotReady returns the reason for which provider would refuse a call now, and when to try
// again; ok is false if it would take the call, or does not know.
func NotReady(provider any) (reason string, retryAt time.Time, ok bool) {
	guard, guarded := provider.(Ready)
	if !guarded {
		return "", time.Time{}, false
	}
	reason, retryAt, ready := guard.Ready()
	return reason, retryAt, !ready
}

// Later returns when to look again at an order whose provider will take calls at t: not
// before t, not within atLeast, and spread a little behind t.
func Later(t time.Time, atLeast time.Duration) time.Time {
	if soon := time.Now().Add(atLeast); t.Before(soon) {
		return soon
	}
	return t.Add(atLeast / 4)
}
