package resilience_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"orderflow/domain"
	"orderflow/infra/resilience"
	"orderflow/sagas/charging"
	"orderflow/sagas/dispatching"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// provider answers every call with what answer says.
type provider struct {
	answer func(context.Context) error
	calls  atomic.Int64
}

func (p *provider) ask(ctx context.Context) error {
	p.calls.Add(1)
	return p.answer(ctx)
}

func (p *provider) Capture(ctx context.Context, c charging.Charge) (charging.Receipt, error) {
	return charging.Receipt{Reference: "ch_1", Amount: c.Amount}, p.ask(ctx)
}

func (p *provider) Lookup(ctx context.Context, _ string) (charging.Receipt, error) {
	return charging.Receipt{}, p.ask(ctx)
}
func (p *provider) Void(ctx context.Context, _ string) error { return p.ask(ctx) }
func (p *provider) Refund(ctx context.Context, _ charging.RefundRequest) (charging.Receipt, error) {
	return charging.Receipt{}, p.ask(ctx)
}

func (p *provider) Book(ctx context.Context, _ dispatching.Booking) (dispatching.Parcel, error) {
	return dispatching.Parcel{Tracking: "trk_1"}, p.ask(ctx)
}
func (p *provider) Cancel(ctx context.Context, _ string) error { return p.ask(ctx) }

func works(context.Context) error { return nil }

func breaks(context.Context) error {
	return domain.Wrap(domain.Unknown, charging.Failure{Reason: "connection_lost"}, "no")
}

func hangs(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func declines(context.Context) error {
	return domain.Wrap(domain.Rejected, charging.Failure{Reason: "card_declined"}, "no")
}

var charge = charging.Charge{Order: "ord_1", Key: "pay_1", Amount: domain.GBP(100)}

func wantFailure(t *testing.T, err error, kind domain.Kind, reason string) {
	t.Helper()
	f, _ := errors.AsType[charging.Failure](err)
	if domain.KindOf(err) != kind || f.Reason != reason {
		t.Fatalf("got %v (%s, reason %q), want kind %s and reason %q", err, domain.KindOf(err), f.Reason, kind, reason)
	}
}

// open makes the breaker of g open by failing.
func open(t *testing.T, p *provider, g *resilience.Gateway) {
	t.Helper()
	p.answer = breaks
	for n := range resilience.DefaultFailures {
		if state := g.State(); state != resilience.Closed {
			t.Fatalf("after %d failures the breaker is %s", n, state)
		}
		_, err := g.Capture(t.Context(), charge)
		wantFailure(t, err, domain.Unknown, "connection_lost")
	}
	if state := g.State(); state != resilience.Open {
		t.Fatalf("after %d failures the breaker is %s", resilience.DefaultFailures, state)
	}
}

func TestBreakerOpensAfterTenFailuresAndTriesAgainAfterThirtySeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var changes []resilience.State
		p := &provider{}
		g := resilience.NewGateway(p, resilience.Options{Observer: resilience.Observer{
			BreakerChanged: func(_, to resilience.State) { changes = append(changes, to) },
		}})
		open(t, p, g)

		time.Sleep(10 * time.Second)
		for _, refused := range []error{
			second(g.Capture(t.Context(), charge)), second(g.Lookup(t.Context(), "pay_1")),
			g.Void(t.Context(), "pay_1"), second(g.Refund(t.Context(), charging.RefundRequest{})),
		} {
			wantFailure(t, refused, domain.Unavailable, "circuit_open")
		}
		if p.calls.Load() != 10 {
			t.Errorf("an open breaker let %d calls through", p.calls.Load()-10)
		}
		reason, at, ok := g.Ready()
		if want := time.Now().Add(20 * time.Second); ok || reason != "circuit_open" || !at.Equal(want) {
			t.Errorf("Ready = %q, %s, %t; want circuit_open until %s", reason, at, ok, want)
		}

		time.Sleep(20 * time.Second)
		if _, _, ok := g.Ready(); !ok || g.RetryAfter() != 0 {
			t.Error("not ready after 30 s")
		}
		_, err := g.Capture(t.Context(), charge) // the trial fails
		wantFailure(t, err, domain.Unknown, "connection_lost")
		if g.RetryAfter() != 30*time.Second {
			t.Errorf("after a failed trial it retries after %s", g.RetryAfter())
		}

		time.Sleep(30 * time.Second)
		p.answer = works
		if _, err := g.Capture(t.Context(), charge); err != nil {
			t.Fatal(err)
		}
		want := []resilience.State{resilience.Open, resilience.HalfOpen, resilience.Open, resilience.HalfOpen, resilience.Closed}
		if len(changes) != len(want) {
			t.Fatalf("changes %v, want %v", changes, want)
		}
		for i := range want {
			if changes[i] != want[i] {
				t.Fatalf("changes %v, want %v", changes, want)
			}
		}
	})
}

func second[A any](_ A, err error) error { return err }

func TestHalfOpenLetsOneCallTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{}
		g := resilience.NewGateway(p, resilience.Options{Concurrent: 1})
		open(t, p, g)
		time.Sleep(30 * time.Second)
		p.answer = hangs
		trial := make(chan error, 1)
		go func() { trial <- g.Void(t.Context(), "pay_1") }()
		synctest.Wait()
		_, at, ok := g.Ready()
		if ok || !at.Equal(time.Now().Add(2*time.Second)) {
			t.Errorf("during the trial Ready = %s, %t; want not before its timeout", at, ok)
		}
		start := time.Now()
		wantFailure(t, g.Void(t.Context(), "pay_2"), domain.Unavailable, "circuit_open")
		if took := time.Since(start); took != 0 {
			t.Errorf("queued %s behind a trial to be refused", took)
		}
		wantFailure(t, <-trial, domain.Unknown, "timeout")
		if g.State() != resilience.Open {
			t.Errorf("after the trial timed out the breaker is %s", g.State())
		}
	})
}

func TestBusinessAnswersKeepTheBreakerClosed(t *testing.T) {
	p := &provider{answer: declines}
	g := resilience.NewGateway(p, resilience.Options{})
	for range 30 {
		_, err := g.Capture(t.Context(), charge)
		wantFailure(t, err, domain.Rejected, "card_declined")
	}
	p.answer = func(context.Context) error { return domain.Errorf(domain.NotFound, "no such charge") }
	for range 30 {
		if _, err := g.Lookup(t.Context(), "pay_1"); domain.KindOf(err) != domain.NotFound {
			t.Fatal(err)
		}
	}
	if s := g.Status(); s.State != resilience.Closed || s.Failures != 0 || s.SuccessRate != 1 {
		t.Errorf("status %+v", s)
	}
}

func TestTimeoutIsUnknownAndCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := resilience.NewGateway(&provider{answer: hangs}, resilience.Options{})
		for range 10 {
			start := time.Now()
			_, err := g.Capture(t.Context(), charge)
			wantFailure(t, err, domain.Unknown, "timeout")
			if took := time.Since(start); took != 2*time.Second {
				t.Fatalf("timed out after %s", took)
			}
		}
		if g.State() != resilience.Open {
			t.Errorf("ten timeouts leave the breaker %s", g.State())
		}
	})
}

// An adapter that answers after all, in the moment its time is up, must not
// turn an unknown outcome into a known one.
func TestAnswerAfterTheTimeoutIsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{answer: func(ctx context.Context) error {
			<-ctx.Done()
			return declines(ctx)
		}}
		_, err := resilience.NewGateway(p, resilience.Options{}).Capture(t.Context(), charge)
		wantFailure(t, err, domain.Unknown, "timeout")
	})
}

func TestForeignErrorsAreUnknown(t *testing.T) {
	p := &provider{answer: func(context.Context) error { return errors.New("unexpected end of JSON") }}
	g := resilience.NewGateway(p, resilience.Options{})
	_, err := g.Capture(t.Context(), charge)
	wantFailure(t, err, domain.Unknown, "gateway_error")
	if g.Status().Failures != 1 {
		t.Error("a foreign error was not counted")
	}
}

func TestCallerWhoGoesAwayIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{answer: hangs}
		g := resilience.NewGateway(p, resilience.Options{})
		for range 30 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err := g.Capture(ctx, charge)
			cancel()
			wantFailure(t, err, domain.Unknown, "canceled")
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("the cause is lost: %v", err)
			}
		}
		if s := g.Status(); s.State != resilience.Closed || s.Failures != 0 {
			t.Errorf("status %+v", s)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		made := p.calls.Load()
		_, err := g.Capture(gone, charge)
		wantFailure(t, err, domain.Unavailable, "canceled")
		if p.calls.Load() != made {
			t.Error("called for a caller who had gone")
		}
	})
}

func TestTrialOfACallerWhoGoesAwayProvesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{}
		g := resilience.NewGateway(p, resilience.Options{})
		open(t, p, g)
		time.Sleep(30 * time.Second)
		p.answer = hangs
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		wantFailure(t, g.Void(ctx, "pay_1"), domain.Unknown, "canceled")
		if g.State() != resilience.Open || g.RetryAfter() != 30*time.Second {
			t.Errorf("the breaker is %s, retry after %s", g.State(), g.RetryAfter())
		}
	})
}

// The answer to a call that was made before the breaker opened says nothing
// about the provider as it is when the breaker tries again.
func TestLateAnswerDoesNotSettleATrial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow, p := make(chan struct{}), &provider{}
		g := resilience.NewGateway(p, resilience.Options{Timeout: time.Hour})
		p.answer = func(context.Context) error { <-slow; return nil }
		var wg sync.WaitGroup
		wg.Go(func() { _ = g.Void(t.Context(), "pay_0") })
		synctest.Wait()
		open(t, p, g)
		time.Sleep(30 * time.Second)
		trying := make(chan struct{})
		p.answer = func(context.Context) error { <-trying; return breaks(t.Context()) }
		wg.Go(func() { _ = g.Void(t.Context(), "pay_1") })
		synctest.Wait()
		close(slow)
		synctest.Wait()
		if g.State() != resilience.HalfOpen {
			t.Errorf("a late answer made the breaker %s", g.State())
		}
		close(trying)
		wg.Wait()
		if g.State() != resilience.Open {
			t.Errorf("after the trial failed the breaker is %s", g.State())
		}
	})
}

func TestPanicFreesTheSlotAndCounts(t *testing.T) {
	g := resilience.NewGateway(&provider{answer: func(context.Context) error { panic("boom") }}, resilience.Options{})
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_ = g.Void(t.Context(), "pay_1")
	}()
	if s := g.Status(); s.InUse != 0 || s.Failures != 1 {
		t.Errorf("status %+v", s)
	}
}

func TestObserverHearsEveryCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var heard []string
		p := &provider{answer: func(context.Context) error { time.Sleep(time.Second); return nil }}
		c := resilience.NewCarrier(p, resilience.Options{Name: "carrier", Observer: resilience.Observer{
			Called: func(op, result string, took time.Duration) { heard = append(heard, op+" "+result+" "+took.String()) },
		}})
		if _, err := c.Book(t.Context(), dispatching.Booking{}); err != nil {
			t.Fatal(err)
		}
		p.answer = hangs
		err := c.Cancel(t.Context(), "ship_1")
		if f, _ := errors.AsType[dispatching.Failure](err); f.Reason != "timeout" || domain.KindOf(err) != domain.Unknown {
			t.Errorf("got %v", err)
		}
		if len(heard) != 2 || heard[0] != "book success 1s" || heard[1] != "cancel timeout 2s" {
			t.Errorf("heard %q", heard)
		}
	})
}
