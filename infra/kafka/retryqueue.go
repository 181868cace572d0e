package kafka

import (
	"container/heap"
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/domain"
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
	waiting queue
	seen    int64
	arrived chan struct{} // told when something waits
}

// RetryQueue returns the queue as one member of [RetryGroup] sees it.
func (k *Kafka) RetryQueue() *RetryQueue {
	return &RetryQueue{kafka: k, arrived: make(chan struct{}, 1)}
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
			pause, ok := ready()
			if ok {
				q.next(wake)
				pause = WakeEvery
			} else {
				pause = min(max(pause, shortestWait), longestWait)
			}
			if sleep(ctx, pause) != nil {
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
	index int   // in the queue; -1 when it has left
	done  chan struct{}
}

func (q *RetryQueue) push(r Retry) *waiter {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.seen++
	w := &waiter{order: r.Order.ID, high: r.Priority == High, seq: q.seen, done: make(chan struct{})}
	heap.Push(&q.waiting, w)
	select {
	case q.arrived <- struct{}{}:
	default:
	}
	return w
}

func (q *RetryQueue) drop(w *waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if w.index >= 0 {
		heap.Remove(&q.waiting, w.index)
	}
}

// Waiting returns how many orders were fetched and wait for the gateway.
func (q *RetryQueue) Waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)
}

// next hands on who is first.
func (q *RetryQueue) next(wake func(domain.OrderID)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		return
	}
	w := heap.Pop(&q.waiting).(*waiter)
	wake(w.order)
	close(w.done)
}

// queue is a heap: priority first, then who came first.
type queue []*waiter

func (q queue) Len() int { return len(q) }

func (q queue) Less(i, j int) bool {
	if q[i].high != q[j].high {
		return q[i].high
	}
	return q[i].seq < q[j].seq
}

func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

func (q *queue) Push(x any) {
	w := x.(*waiter)
	w.index = len(*q)
	*q = append(*q, w)
}

func (q *queue) Pop() any {
	old := *q
	w := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	w.index = -1
	return w
}
