package kafka

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/domain"
	"orderflow/internal/pause"
	"orderflow/internal/priority"
)

// Bounds of the wait for a gateway that is not ready, whatever it says itself.
const (
	shortestWait = 10 * time.Millisecond
	longestWait  = time.Second // it may be ready earlier than it said
)

// RetryQueue hands the orders of [RetryTopic] on when the gateway can be called
// again. Until then they stay in the queue: not more than [Window] of each
// partition are fetched, and of those, orders with priority are woken first, then
// the oldest.
//
// An order is done with when it was handed on. What follows is recorded in the
// log: if the payment is put off again, the relay puts it into the queue again.
type RetryQueue struct {
	kafka *Kafka

	mu      sync.Mutex
	waiting *priority.Queue[*waiter]
	seen    int64
	arrived chan struct{} // told when something waits
}

// RetryQueue returns the queue as one member of [RetryGroup] sees it.
func (k *Kafka) RetryQueue() *RetryQueue {
	return &RetryQueue{kafka: k, waiting: priority.New(before), arrived: make(chan struct{}, 1)}
}

// Run hands orders to wake until ctx is done. Before each it asks whether the
// gateway is ready; if not, wait is when to ask again. Both must be quick. When
// it returns, nothing of it runs any more.
func (q *RetryQueue) Run(ctx context.Context, ready func() (wait time.Duration, ok bool), wake func(domain.OrderID)) error {
	inner, stop := context.WithCancel(ctx)
	var handing sync.WaitGroup
	handing.Go(func() { q.hand(inner, ready, wake) })
	defer handing.Wait()
	defer stop()
	return Consumer{Kafka: q.kafka, Topic: RetryTopic, Group: RetryGroup, Handle: q.Handle}.Run(ctx)
}

func (q *RetryQueue) hand(ctx context.Context, ready func() (time.Duration, bool), wake func(domain.OrderID)) {
	for {
		select {
		case <-q.arrived:
		case <-ctx.Done():
			return
		}
		for q.Waiting() > 0 {
			wait, ok := ready()
			if ok {
				q.next(wake)
				wait = WakeEvery
			} else {
				wait = min(max(wait, shortestWait), longestWait)
			}
			if pause.For(ctx, wait) != nil {
				return
			}
		}
	}
}

// Check reports whether a message can be read; one that cannot is dead-lettered.
func (q *RetryQueue) Check(m *message.Message) error {
	_, err := readRetry(m)
	return err
}

// Handle waits until the order of a message has been handed on. [Poison.Replay] uses it too.
func (q *RetryQueue) Handle(m *message.Message) error {
	r, err := readRetry(m)
	if err != nil {
		return err
	}
	w := q.push(r)
	ReleaseNext(m.Context())
	select {
	case <-w.done:
		return nil
	case <-m.Context().Done():
		q.drop(w)
		return m.Context().Err()
	}
}

func readRetry(m *message.Message) (r Retry, err error) {
	for _, name := range []string{contentType, origin, fallbackReason} {
		if m.Metadata.Get(name) == "" {
			return r, unreadable(MissingHeader, "header %s is missing", name)
		}
	}
	if why := m.Metadata.Get(fallbackReason); why != circuitBreakerOpen && why != timeout {
		return r, unreadable(BadHeader, "%s %.40q is not known here", fallbackReason, why)
	}
	if media := m.Metadata.Get(contentType); !isJSON(media) {
		return r, unreadable(BadHeader, "the content is %.40q, not %s", media, jsonContent)
	}
	if err := json.Unmarshal(m.Payload, &r); err != nil {
		return r, unreadable(BadBody, "the body cannot be read: %.200v", err)
	}
	if err := domain.CheckName("order.id", string(r.Order.ID)); err != nil {
		return r, unreadable(BadBody, "%v", err)
	}
	switch {
	case r.Priority != High && r.Priority != Normal:
		return r, unreadable(BadBody, "priority %.40q is not known here", r.Priority)
	case Key(m) != string(r.Order.Customer) || Key(m) == "":
		return r, unreadable(WrongKey, "the key %.40q is not the customer", Key(m))
	}
	return r, nil
}

// waiter is an order that waits for the gateway.
type waiter struct {
	order domain.OrderID
	high  bool
	seq   int64 // who came first
	place *priority.Item[*waiter]
	done  chan struct{}
}

func (q *RetryQueue) push(r Retry) *waiter {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.seen++
	w := &waiter{order: r.Order.ID, high: r.Priority == High, seq: q.seen, done: make(chan struct{})}
	w.place = q.waiting.Push(w)
	select {
	case q.arrived <- struct{}{}:
	default:
	}
	return w
}

func (q *RetryQueue) drop(w *waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting.Remove(w.place)
}

// Waiting returns how many orders were fetched and wait for the gateway.
func (q *RetryQueue) Waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting.Len()
}

// next hands on who is first.
func (q *RetryQueue) next(wake func(domain.OrderID)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if w, ok := q.waiting.Pop(); ok {
		wake(w.order)
		close(w.done)
	}
}

// before reports whether a is handed on before b: priority first, then the oldest.
func before(a, b *waiter) bool {
	if a.high != b.high {
		return a.high
	}
	return a.seq < b.seq
}
