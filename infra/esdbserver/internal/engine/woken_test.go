package engine_test

import (
	"context"
	"fmt"
	"testing"

	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver/internal/engine"
	"orderflow/infra/memory"
)

// lateAnswers is a log whose appends are there before they are answered.
type lateAnswers struct {
	engine.Log
	stored, answer chan struct{}
}

func (l lateAnswers) Append(ctx context.Context, s eventlog.Stream, v eventlog.Version, events ...eventlog.Pending) (eventlog.Appended, error) {
	at, err := l.Log.Append(ctx, s, v, events...)
	l.stored <- struct{}{}
	<-l.answer
	return at, err
}

// Whoever was woken by an event finds it, even if the append that stored it has
// not come back yet: a client elsewhere may act on it, and would find nothing.
func TestWhoWasWokenByAnEventFindsIt(t *testing.T) {
	log := lateAnswers{memory.NewDense(), make(chan struct{}), make(chan struct{})}
	e := newEngine(t, log)
	for n := range 3 { // the first one is of a stream that was looked for before
		if n == 0 {
			if _, err := named(t, e, "test-1"); err == nil {
				t.Fatal("the stream is there before its first event")
			}
		}
		done := make(chan error, 1)
		go func() {
			_, err := e.Append(ctx(t), engine.Write{Stream: "test-1", Expected: engine.Any, Events: events(fmt.Sprint("e", n))})
			done <- err
		}()
		<-log.stored
		if names, err := named(t, e, "test-1"); err != nil || len(names) != n+1 {
			t.Errorf("while event %d is not answered, a reader finds %v, %v", n, names, err)
		}
		tail := 0 // as a client reads that knows all but the event it was woken by
		for _, err := range e.ReadStream(ctx(t), "test-1", int64(n), engine.Span{Max: 9}) {
			if err == nil {
				tail++
			}
		}
		if tail != 1 {
			t.Errorf("while event %d is not answered, a reader of the tail finds %d events", n, tail)
		}
		if newest, err := e.Newest(ctx(t), "test-1"); err != nil || newest != int64(n) {
			t.Errorf("while event %d is not answered, the newest is %d, %v", n, newest, err)
		}
		log.answer <- struct{}{}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if names, err := named(t, e, "test-1"); err != nil || len(names) != n+1 {
			t.Errorf("afterwards a reader finds %v, %v", names, err)
		}
	}
}
