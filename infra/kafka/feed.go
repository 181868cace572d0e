package kafka

import (
	"context"
	"errors"
	"iter"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// Feed wakes one saga, by its consumer group. It is a sagas.Feed and a
// sagas.Acker: events come in order per order, at least once, and members of
// the group, one per process, share the orders.
//
// Where it begins is the group's affair. An event's offset is committed when
// the driver has dealt with it and with all before it in its partition, or
// after [Hold]: a longer look no longer holds up its partition, and if the
// process dies during it, the watchdog finds the order. An event that cannot
// be read is dead-lettered; events of other categories are passed over unread.
// See docs/adr/008.
type Feed struct {
	kafka  *Kafka
	group  string
	events eventRegistry

	mu   sync.Mutex
	open map[eventlog.Position][]chan struct{} // delivered and not dealt with
	out  chan eventlog.Recorded                // to the subscription that runs
	want []string
}

// Feed returns the feed of one saga.
func (k *Kafka) Feed(saga string) *Feed {
	return &Feed{
		kafka: k, group: "saga." + saga, events: newEventRegistry(),
		open: map[eventlog.Position][]chan struct{}{}, out: make(chan eventlog.Recorded),
	}
}

// Group returns the feed's group, without the prefix: the one to ask [Kafka.Lag] for.
func (f *Feed) Group() string { return f.group }

// Subscribe implements sagas.Feed; above is ignored. It yields ctx's error as
// the last thing. A feed is subscribed to once at a time.
func (f *Feed) Subscribe(ctx context.Context, _ eventlog.Position, categories ...string) iter.Seq2[eventlog.Recorded, error] {
	return func(yield func(eventlog.Recorded, error) bool) {
		f.mu.Lock()
		f.want = categories
		f.mu.Unlock()
		inner, stop := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func() {
			ended <- Consumer{Kafka: f.kafka, Topic: EventsTopic, Group: f.group, Handle: f.Handle}.Run(inner)
		}()
		finish := func() error { stop(); return <-ended }
		for {
			select {
			case r := <-f.out:
				if !yield(r, nil) {
					_ = finish()
					return
				}
			case err := <-ended:
				yield(eventlog.Recorded{}, err)
				return
			case <-ctx.Done():
				_ = finish()
				yield(eventlog.Recorded{}, ctx.Err())
				return
			}
		}
	}
}

// Check reports whether a message can be read; the feed dead-letters one that cannot.
func (f *Feed) Check(m *message.Message) error {
	_, err := f.events.read(m)
	return err
}

// Handle delivers one message to the driver and waits for it, at most [Hold].
// [Poison.Replay] uses it too.
func (f *Feed) Handle(m *message.Message) error {
	ctx := m.Context()
	f.mu.Lock()
	want := f.want
	f.mu.Unlock()
	if s := subject(m); f.events.has(s.Category()) && !wanted(s, want) {
		return nil
	}
	r, err := f.events.read(m)
	if err != nil {
		return err
	}
	done := f.expect(r.Position)
	defer f.forget(r.Position, done)
	select {
	case f.out <- r:
	case <-ctx.Done():
		return ctx.Err()
	}
	ReleaseNext(ctx)
	timer := time.NewTimer(Hold)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// Ack implements sagas.Acker.
func (f *Feed) Ack(p eventlog.Position) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, done := range f.open[p] {
		close(done)
	}
	delete(f.open, p)
}

func (f *Feed) expect(p eventlog.Position) chan struct{} {
	done := make(chan struct{})
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open[p] = append(f.open[p], done)
	return done
}

func (f *Feed) forget(p eventlog.Position, done chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, d := range f.open[p] {
		if d == done {
			f.open[p] = append(f.open[p][:i:i], f.open[p][i+1:]...)
			break
		}
	}
	if len(f.open[p]) == 0 {
		delete(f.open, p)
	}
}

// Lag returns how far the feed is behind.
func (f *Feed) Lag(ctx context.Context) (Lag, error) {
	lags, err := f.kafka.Lag(ctx, f.group, EventsTopic)
	switch {
	case err != nil:
		return Lag{}, err
	case len(lags) == 0:
		return Lag{}, domain.Wrap(domain.NotFound, errors.New("no topic"), "The feed has no lag")
	}
	return lags[0], nil
}
