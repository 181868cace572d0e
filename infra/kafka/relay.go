package kafka

import (
	"context"
	"errors"
	"iter"
	"sync"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/following"
)

// RelayName is the name of the relay's checkpoint.
const RelayName = "relay"

// Log is the event log that the relay publishes.
type Log interface {
	Read(ctx context.Context, s eventlog.Stream, above eventlog.Version) iter.Seq2[eventlog.Recorded, error]
	Subscribe(ctx context.Context, above eventlog.Position, categories ...string) iter.Seq2[eventlog.Recorded, error]
}

// Checkpoints keep the relay's place. Conflict says that another relay has
// taken over; a place that is lost makes the relay publish the log again.
type Checkpoints interface {
	LoadCheckpoint(ctx context.Context, name string) (eventlog.Checkpoint, error)
	SaveCheckpoint(ctx context.Context, name string, c eventlog.Checkpoint) error
}

// Relay publishes every event of the log. The holder of a lease runs it, with a
// context that ends with the lease; two at once do no harm but noise. Kafka, Log
// and Checkpoints must be given.
//
//	log ─▶ marshalled ─▶ in flight, at most RelayInFlight ─▶ acknowledged, in order ─▶ checkpoint
//
// The checkpoint moves only over what the brokers acknowledged, so a crash
// repeats and never loses.
type Relay struct {
	Kafka       *Kafka
	Log         Log
	Checkpoints Checkpoints
	Premium     func(domain.CustomerID) bool // whose payments are retried first; nil: no customer's
	// Follower reads the log; nil: one is made. A caller that gives one, made
	// with [Relay.Following], can ask it how the relay keeps up.
	Follower *following.Follower
}

// Following returns the configuration of the relay's follower.
func (r Relay) Following() following.Config {
	observer := r.Kafka.config.Observer
	return following.Config{
		Name: RelayName, Log: r.Log, Categories: Categories(), Logger: r.Kafka.config.Logger,
		Failed: func(kind domain.Kind, remedy following.Remedy) {
			if remedy == following.Retry { // Run reports the others
				observer.RelayError(domain.Errorf(kind, "The log cannot be followed."))
			}
		},
	}
}

// Run publishes until ctx is done, or another relay has taken over, which is a
// Conflict, or something fails that does not pass. When it returns, nothing of it
// runs any more. What becomes of a failure depends on what failed:
//
//	the log           as following.RemedyFor says: waited for, or the checkpoint is proven again, or the end
//	the brokers       waited for, unless they are configured in a way that cannot work (Internal)
//	the checkpoints   waited for, unless it is a Conflict
func (r Relay) Run(ctx context.Context) error {
	if r.Follower == nil {
		r.Follower = following.New(r.Following())
	}
	var background sync.WaitGroup
	defer background.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	background.Go(func() { r.Follower.Watch(ctx) })
	p := retryPolicy{Relay: r, pauses: newBackoff()}
	for {
		begun := time.Now()
		moved, err := r.pass(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if moved || time.Since(begun) > SettledAfter {
			p.reset()
		}
		if err, over := p.over(err); over {
			return err
		}
		if err := p.wait(ctx, err); err != nil {
			return err
		}
	}
}

// pass publishes from the checkpoint on until something fails; moved says
// whether anything was acknowledged.
func (r Relay) pass(ctx context.Context) (moved bool, err error) {
	if err := r.Kafka.CreateTopics(ctx); err != nil {
		return false, err
	}
	saved, err := r.Checkpoints.LoadCheckpoint(ctx, RelayName)
	if err != nil {
		return false, ofCheckpoints(err)
	}
	from, err := r.Follower.Resume(ctx, saved)
	if err != nil {
		return false, logError{err}
	}
	p := &passing{Relay: r, inFlight: newInFlight(from)}
	inner, stop := context.WithCancelCause(ctx)
	var saver sync.WaitGroup
	saver.Go(func() { stop(p.save(inner)) })
	stop(p.publish(inner, from.Position())) // the first cause counts
	saver.Wait()
	cause := context.Cause(inner)
	if _, over := errors.AsType[overtaken](cause); !over {
		p.last(ctx)
	}
	at, _ := p.inFlight.acknowledged()
	return at.Event != from.Event, cause
}

// passing is one pass over the log.
type passing struct {
	Relay
	inFlight *inFlight
}

func (p *passing) publish(ctx context.Context, from eventlog.Position) error {
	publisher := p.Kafka.Publisher()
	events, retries := p.Kafka.Topic(EventsTopic), p.Kafka.Topic(RetryTopic)
	passed := func(w eventlog.Watermark) { p.inFlight.passed(w.Position) }
	for r, err := range p.Follower.Follow(ctx, from, passed) {
		if err != nil {
			return logError{err}
		}
		retry, err := p.retry(ctx, r)
		if err != nil {
			return err
		}
		messages := 1
		if retry != nil {
			messages++
		}
		landed, err := p.inFlight.start(ctx, eventlog.MarkOf(r), r.At, len(r.Data), messages)
		if err != nil {
			return err
		}
		if err := publisher.Send(ctx, events, Event(r), landed); err != nil {
			landed(err)
			return err
		}
		if retry == nil {
			continue
		}
		if err := publisher.Send(ctx, retries, retry, landed); err != nil {
			landed(err)
			return err
		}
	}
	return ctx.Err()
}

// save keeps the place until ctx is done or something fails.
func (p *passing) save(ctx context.Context) error {
	ticker := time.NewTicker(CheckpointEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.inFlight.failed:
			return p.inFlight.cause()
		case <-ticker.C:
			if err := p.checkpoint(ctx); err != nil {
				return err
			}
		}
	}
}

// lastTimeout bounds the end of a pass.
const lastTimeout = 2 * time.Second

// checkpoint saves how far everything is acknowledged. It is saved also when
// it did not move: a relay that does not save does not learn of its successor.
func (p *passing) checkpoint(ctx context.Context) error {
	landed, behind := p.inFlight.acknowledged()
	at := p.Follower.Checkpoint(ctx, landed)
	p.Kafka.config.Observer.Relayed(int64(at.Position()), behind.Seconds())
	return ofCheckpoints(p.Checkpoints.SaveCheckpoint(ctx, RelayName, at))
}

// last waits for what is in flight, as long as a lease may last, and saves the place.
func (p *passing) last(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastTimeout)
	defer cancel()
	_ = p.inFlight.drain(ctx) // the rest is published again after the next start
	if err := p.checkpoint(ctx); err != nil {
		p.Kafka.config.Logger.WarnContext(ctx, "the relay's last checkpoint was not saved; events will be published twice", "error", err)
	}
}
