package postgres_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/infra/deploy/servicestest"
	"orderflow/infra/postgres"
)

// patience is how long a test waits for what should happen at once or soon.
const patience = 20 * time.Second

func leases(t testing.TB, url string) *postgres.Leases {
	t.Helper()
	l, err := serve(t, url).Leases(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// holder holds a lease until told to let it go, and says how it went.
type holder struct {
	token chan int64    // when it is held
	lost  chan struct{} // closed when the work's ctx ends
	let   chan struct{} // close it to end the work
	ended chan error    // what Hold returned
}

func hold(ctx context.Context, l *postgres.Leases, name string) *holder {
	h := &holder{token: make(chan int64, 1), lost: make(chan struct{}), let: make(chan struct{}), ended: make(chan error, 1)}
	go func() {
		h.ended <- l.Hold(ctx, name, func(ctx context.Context, token int64) error {
			h.token <- token
			select {
			case <-ctx.Done():
				close(h.lost)
				return ctx.Err()
			case <-h.let:
				return nil
			}
		})
	}()
	return h
}

// soon returns what a channel delivers in time.
func soon[T any](t testing.TB, c <-chan T, what string) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(patience):
		t.Fatalf("%s: nothing within %v", what, patience)
	}
	return v
}

func TestOneHolderAtATime(t *testing.T) {
	t.Parallel()
	url := servicestest.Postgres(t)
	l, other := leases(t, url), leases(t, url)
	first := hold(t.Context(), l, "charging")
	one := soon(t, first.token, "the first holder")
	second := hold(t.Context(), other, "charging")
	apart := hold(t.Context(), other, "dispatching")
	soon(t, apart.token, "the holder of another lease")
	select {
	case <-second.token:
		t.Fatal("the lease was given to two")
	case <-time.After(500 * time.Millisecond): // it would be at once
	}
	close(first.let)
	if err := soon(t, first.ended, "the first holder's end"); err != nil {
		t.Error(err)
	}
	if two := soon(t, second.token, "the second holder"); two <= one {
		t.Errorf("the second token is %d, the first was %d", two, one)
	}
	close(second.let)
	close(apart.let)
	for _, h := range []*holder{second, apart} {
		if err := soon(t, h.ended, "an end"); err != nil {
			t.Error(err)
		}
	}
}

func TestWorkEndsAsItsErrorSays(t *testing.T) {
	t.Parallel()
	l := leases(t, servicestest.Postgres(t))
	broken := errors.New("broken")
	for range 2 { // the lease is free again
		if err := l.Hold(t.Context(), "w", func(context.Context, int64) error { return broken }); !errors.Is(err, broken) {
			t.Errorf("Hold returns %v", err)
		}
	}
}

func TestWaitingForALeaseEndsWithItsContext(t *testing.T) {
	t.Parallel()
	url := servicestest.Postgres(t)
	first := hold(t.Context(), leases(t, url), "w")
	soon(t, first.token, "the holder")
	ctx, cancel := context.WithCancel(t.Context())
	second := hold(ctx, leases(t, url), "w")
	cancel()
	if err := soon(t, second.ended, "the end of waiting"); domain.KindOf(err) != domain.Unavailable {
		t.Errorf("waiting ended with %v", err)
	}
	close(first.let)
	if err := soon(t, first.ended, "the holder's end"); err != nil {
		t.Error(err)
	}
}

// zombie holds a lease, is cut off by cut, and may not write afterwards.
func zombie(t *testing.T, url, through string, cut func(t *testing.T)) {
	t.Helper()
	old := hold(t.Context(), leases(t, through), "charging")
	token := soon(t, old.token, "the first holder")
	checkpoints, err := serve(t, url).Checkpoints(t.Context(), "payment")
	if err != nil {
		t.Fatal(err)
	}
	if err := checkpoints.SaveFenced(t.Context(), "charging", place(5), token); err != nil {
		t.Fatal(err)
	}
	next := hold(t.Context(), leases(t, url), "charging")
	began := time.Now()
	cut(t)
	soon(t, old.lost, "the end of the first holder's work")
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("the first holder noticed after %v", took)
	}
	if err := soon(t, old.ended, "the first holder's end"); domain.KindOf(err) != domain.Unavailable {
		t.Errorf("the first holder ended with %v", err)
	}
	newer := soon(t, next.token, "the second holder")
	t.Logf("the lease went on after %v", time.Since(began))
	if newer <= token {
		t.Errorf("the second token is %d, the first was %d", newer, token)
	}
	if at, err := checkpoints.LoadFenced(t.Context(), "charging", newer); err != nil || at != place(5) {
		t.Errorf("the second holder begins at %v, %v", at, err)
	}
	if err := checkpoints.SaveFenced(t.Context(), "charging", place(99), token); domain.KindOf(err) != domain.Conflict {
		t.Errorf("the first holder wrote: %v", err)
	}
	if _, err := checkpoints.LoadFenced(t.Context(), "charging", token); domain.KindOf(err) != domain.Conflict {
		t.Errorf("the first holder began again: %v", err)
	}
	if err := checkpoints.SaveFenced(t.Context(), "charging", place(6), newer); err != nil {
		t.Error(err)
	}
	if at, err := checkpoints.LoadCheckpoint(t.Context(), "charging"); err != nil || at != place(6) {
		t.Errorf("the checkpoint is %v, %v", at, err)
	}
	close(next.let)
	if err := soon(t, next.ended, "the second holder's end"); err != nil {
		t.Error(err)
	}
}

func TestAHolderThatWasEndedCannotWrite(t *testing.T) {
	url := servicestest.Postgres(t)
	zombie(t, url, url, func(t *testing.T) {
		exec(t, connect(t, url, "order"),
			`SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
			 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`)
	})
}

func TestAHolderWithoutNetworkCannotWrite(t *testing.T) {
	url := servicestest.Postgres(t)
	p, through := proxied(t, url)
	zombie(t, url, through, func(*testing.T) {
		p.Deaf.Store(true)
		p.Mute.Store(true)
	})
}
