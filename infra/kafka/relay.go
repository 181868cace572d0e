package kafka

import (
	"context"
	"iter"
	"sync"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// RelayName is the name of the relay's checkpoint.
const RelayName = "relay"

// Log is what the relay reads.
type Log interface {
	Read(ctx context.Context, s eventlog.Stream, above eventlog.Version) iter.Seq2[eventlog.Recorded, error]
	Subscribe(ctx context.Context, above eventlog.Position, categories ...string) iter.Seq2[eventlog.Recorded, error]
}

// Checkpoints keep the relay's place. Conflict says that another relay has
// taken over; a place that is lost makes the relay publish the log again.
type Checkpoints interface {
	LoadCheckpoint(ctx context.Context, name string) (eventlog.Position, error)
	SaveCheckpoint(ctx context.Context, name string, p eventlog.Position) error
}

// Relay publishes every event of the log. Who holds a lease runs it, with a
// context that ends with the lease; two at once do no harm but noise. All
// fields but Premium must be given.
//
//	log ─▶ marshalled ─▶ in flight, at most RelayInFlight ─▶ acknowledged, in order ─▶ checkpoint
//
// The checkpoint moves only over what the brokers acknowledged, so a crash
// repeats and never loses.
type Relay struct {
	Kafka       *Kafka
	Log         Log
	Checkpoints Checkpoints
	Premium     func(domain.CustomerID) bool // whose payments are retried first; nil: nobody's
}

// Run publishes until ctx is done or another relay has taken over: then it
// fails with Conflict. Trouble with the brokers, the log or the checkpoints is
// waited for. When it returns, nothing of it runs any more.
func (r Relay) Run(ctx context.Context) error {
	var rest pauses
	for {
		begun := time.Now()
		err := r.pass(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case domain.KindOf(err) == domain.Conflict:
			return err
		}
		if time.Since(begun) > SettledAfter {
			rest.reset()
		}
		r.Kafka.config.Observer.RelayError(err)
		r.Kafka.config.Logger.WarnContext(ctx, "the relay begins again from its checkpoint",
			"kind", domain.KindOf(err).String(), "pause", max(rest.next, FirstPause).String(), "error", err)
		if err := rest.wait(ctx); err != nil {
			return err
		}
	}
}

// pass publishes from the checkpoint on until something fails.
func (r Relay) pass(ctx context.Context) error {
	if err := r.Kafka.CreateTopics(ctx); err != nil {
		return err
	}
	from, err := r.Checkpoints.LoadCheckpoint(ctx, RelayName)
	if err != nil {
		return err
	}
	if from, err = r.within(ctx, from); err != nil {
		return err
	}
	p := &passing{Relay: r, flight: newFlight(from), categories: Categories()}
	inner, stop := context.WithCancelCause(ctx)
	var saver sync.WaitGroup
	saver.Go(func() { stop(p.save(inner)) })
	stop(p.publish(inner, from)) // the first cause counts
	saver.Wait()
	cause := context.Cause(inner)
	if domain.KindOf(cause) != domain.Conflict {
		p.last(ctx)
	}
	return cause
}

// within is the checkpoint, or 0 if the log ends before it: then it is another
// log, or it was set back, and what is new in it lies below the checkpoint.
func (r Relay) within(ctx context.Context, from eventlog.Position) (eventlog.Position, error) {
	log, ok := r.Log.(eventlog.Ended)
	if !ok || from == 0 {
		return from, nil
	}
	end, err := log.End(ctx)
	if err != nil || from <= end {
		return from, err
	}
	r.Kafka.config.Logger.WarnContext(ctx, "the relay's checkpoint is beyond the end of the log, which was replaced or set back; it is published again",
		"checkpoint", int64(from), "end", int64(end))
	return 0, nil
}

// passing is one pass over the log.
type passing struct {
	Relay
	flight     *flight
	categories []string
}

func (p *passing) publish(ctx context.Context, from eventlog.Position) error {
	publisher := p.Kafka.Publisher()
	events, retries := p.Kafka.Topic(EventsTopic), p.Kafka.Topic(RetryTopic)
	for r, err := range p.Log.Subscribe(ctx, from, p.categories...) {
		if err != nil {
			return err
		}
		retry, err := p.retry(ctx, r)
		if err != nil {
			return err
		}
		messages := 1
		if retry != nil {
			messages++
		}
		landed, err := p.flight.start(ctx, r.Position, r.At, len(r.Data), messages)
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
	return domain.Errorf(domain.Unavailable, "The log came to an end.")
}

// save keeps the place until ctx is done or something fails.
func (p *passing) save(ctx context.Context) error {
	ticker := time.NewTicker(CheckpointEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.flight.failed:
			return p.flight.cause()
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
// it did not move: who does not save does not learn of a successor.
func (p *passing) checkpoint(ctx context.Context) error {
	at, behind := p.flight.landed()
	p.Kafka.config.Observer.Relayed(int64(at), behind.Seconds())
	return p.Checkpoints.SaveCheckpoint(ctx, RelayName, at)
}

// last waits for what is in flight, as long as a lease may last, and saves the place.
func (p *passing) last(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastTimeout)
	defer cancel()
	_ = p.flight.drain(ctx) // what is not acknowledged is published again
	if err := p.checkpoint(ctx); err != nil {
		p.Kafka.config.Logger.WarnContext(ctx, "the relay's last checkpoint was not saved; events will be published twice", "error", err)
	}
}
