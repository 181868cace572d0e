package node

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc/codes"

	"orderflow/domain"
	"orderflow/internal/broadcast"
	"orderflow/internal/pause"
)

const (
	// storePatience is how long a command that works for a while goes on without
	// an answer of the event store: a restart of the server, or the election of
	// another leader, is over by then; a server that is gone for good is not.
	// What looks at the log at the start of `serve` waits as long.
	storePatience = time.Minute
	// refusedFor is how long it goes on while the event store refuses its user: an
	// administrator who changes two things at once has done both by then. Sagas and
	// views try again for ever, so work that waits for them would never end.
	refusedFor = 5 * time.Second
	// outageLook is how often the event store is asked meanwhile: one small read.
	outageLook = time.Second
)

// watchedStore watches whether an event store that is served elsewhere answers.
type watchedStore struct {
	log     Pinged
	explain func(error) error // says what to do about a refusal

	mu     sync.Mutex
	last   time.Time // when it last answered
	failed time.Time // when it last did not
	change broadcast.Signal
}

// throughOutages does some work that may be done again, and does it again if it
// failed because the event store did not answer for a while. If that takes
// storePatience, or the store refuses the user for refusedFor, the work is ended,
// and the error says what to do. A log that is not served elsewhere has no outages.
func throughOutages(ctx context.Context, log EventLog, explain func(error) error, work func(context.Context) error) error {
	remote, ok := log.(Pinged)
	if !ok {
		return work(ctx)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	o := &watchedStore{log: remote, explain: explain, last: time.Now()}
	var watching sync.WaitGroup
	defer watching.Wait()
	defer cancel(nil)
	watching.Go(func() { o.watch(ctx, cancel) })
	for {
		begun := time.Now()
		err := work(ctx)
		switch kind := domain.KindOf(err); {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case kind != domain.Unavailable && kind != domain.Unknown:
			return explain(err)
		}
		again, err := o.over(ctx, begun, err)
		if !again {
			return err
		}
	}
}

// watch asks until ctx is done, and ends it when there was no answer for too long.
func (o *watchedStore) watch(ctx context.Context, cancel context.CancelCauseFunc) {
	accepted := time.Now() // when the user was last not refused
	for {
		err := o.log.Ping(ctx)
		if ctx.Err() != nil {
			return
		}
		if refusal(err) == codes.OK {
			accepted = time.Now()
		}
		switch silent := o.note(err == nil); {
		case time.Since(accepted) >= refusedFor:
			cancel(o.explain(err))
			return
		case silent >= storePatience:
			cancel(domain.Wrap(domain.Unavailable, err, "The event store at %s has not answered for %s. Start it again, and then run the same command again, which does nothing twice",
				o.log.Name(), storePatience))
			return
		}
		if pause.For(ctx, outageLook) != nil {
			return
		}
	}
}

// note takes in an answer, or that there was none, and returns for how long
// there has been none.
func (o *watchedStore) note(answered bool) time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.change.Send()
	now := time.Now()
	if answered {
		o.last = now
	} else {
		o.failed = now
	}
	return now.Sub(o.last)
}

// over waits for the end of the outage that made work fail with err. If there
// was none since the work began, it returns err and again = false.
func (o *watchedStore) over(ctx context.Context, begun time.Time, err error) (again bool, _ error) {
	for first := true; ; first = false {
		o.mu.Lock()
		change, answers, failed := o.change.Wait(), o.last.After(o.failed), o.failed.After(begun)
		o.mu.Unlock()
		switch {
		case first: // the next answer says whether it is there
		case answers && !failed:
			return false, err
		case answers:
			return true, nil
		}
		select {
		case <-change:
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
}
