package kafka_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/order"
	"orderflow/domain/payment"
	"orderflow/following"
	"orderflow/infra/kafka"
	"orderflow/infra/memory"
	"orderflow/sagas/sagastest"
)

// said is what the operator was told.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func (s *said) to(c *kafka.Config) { c.Logger = slog.New(slog.NewTextHandler(s, nil)) }

// ids returns the different ids of the events in the topic.
func ids(t testing.TB, k *kafka.Kafka) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for _, m := range everything(t, k, kafka.EventsTopic) {
		all[header(m, "ce_id")] = true
	}
	return all
}

// A checkpoint that the log does not prove is one warning, and the log is
// published again from its first event.
func TestRelayBeginsAgainOnAnotherLog(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(eventlog.Mark) eventlog.Mark
		why   string
	}{
		"beyond the end":             {func(m eventlog.Mark) eventlog.Mark { m.Position *= 10; return m }, "beyond the end"},
		"the number before an event": {func(m eventlog.Mark) eventlog.Mark { return eventlog.Mark{Position: m.Position - 1} }, "no event at this position"},
		"another event":              {func(m eventlog.Mark) eventlog.Mark { m.ID[0]++; return m }, "another event"},
	} {
		t.Run(name, func(t *testing.T) {
			var s said
			k, log, places := brokers(t, s.to), memory.New(), &memory.Checkpoints{}
			history(t, log, 1, 3)
			if err := places.SaveCheckpoint(t.Context(), kafka.RelayName, eventlog.Checkpoint{Event: c.spoil(markOf(t, log, 2))}); err != nil {
				t.Fatal(err)
			}
			stop := running(t, kafka.Relay{Kafka: k, Log: log, Checkpoints: places}.Run)
			eventually(t, "the log is published from its start", func() bool { return place(t, places) == endOf(t, log) })
			_ = stop()
			if n := len(ids(t, k)); n != 3 {
				t.Errorf("%d events were published, want 3", n)
			}
			if text := s.String(); strings.Count(text, "not one of this log") != 1 || !strings.Contains(text, c.why) || !strings.Contains(text, "reader=relay") {
				t.Errorf("said %s", text)
			}
		})
	}
}

// The log is replaced while the relay runs: all of the other one is published,
// and the checkpoint is of it.
func TestTheLogIsReplacedUnderTheRelay(t *testing.T) {
	k, first, other, places := brokers(t), memory.New(), memory.New(), &memory.Checkpoints{}
	history(t, first, 2, 10)
	log := sagastest.NewUnsteady(first)
	stop := running(t, kafka.Relay{Kafka: k, Log: log, Checkpoints: places}.Run)
	eventually(t, "the first log is published", func() bool { return place(t, places) == endOf(t, first) })
	history(t, other, 7, 10) // other streams, at the same positions
	log.Replace(other, domain.Errorf(domain.Unavailable, "connection lost"))
	appendTo(t, other, 7, 1)
	eventually(t, "the other log is published", func() bool { return place(t, places) == endOf(t, other) })
	_ = stop()
	published := ids(t, k)
	for r, err := range other.ReadAll(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if id := fmt.Sprintf("%x-%x-%x-%x-%x", r.ID[:4], r.ID[4:6], r.ID[6:8], r.ID[8:10], r.ID[10:]); !published[id] {
			t.Errorf("the event %s at %d was not published", id, r.Position)
		}
	}
}

// Every kind of failure of the log has its remedy: what is to end ends the relay
// with an error that names it, and does not begin again for ever.
func TestEveryFailureOfTheLog(t *testing.T) {
	var s said
	k := brokers(t, s.to)
	for kind := domain.Kind(0); kind == 0 || kind.String() != domain.Internal.String(); kind++ {
		t.Run(kind.String(), func(t *testing.T) {
			inner, places := memory.New(), &memory.Checkpoints{}
			history(t, inner, 1, 3)
			log := sagastest.NewUnsteady(inner)
			log.Fail(domain.Errorf(kind, "it broke"), domain.Errorf(kind, "it broke"))
			done := make(chan error, 1)
			relay := kafka.Relay{Kafka: k, Log: log, Checkpoints: places}
			relay.Follower = following.New(relay.Following())
			stop := running(t, func(ctx context.Context) error {
				err := relay.Run(ctx)
				done <- err
				return err
			})
			if following.RemedyFor(kind) != following.End {
				eventually(t, "the log is published", func() bool { return place(t, places) == endOf(t, inner) })
				eventually(t, "the relay is ready", func() bool { return relay.Follower.Ready() == nil })
				if err := stop(); !errors.Is(err, context.Canceled) {
					t.Errorf("it ended with %v", err)
				}
				return
			}
			select {
			case err := <-done:
				if domain.KindOf(err) != kind || !strings.Contains(err.Error(), "relay") || !strings.Contains(err.Error(), "it broke") {
					t.Errorf("it ended with %v", err)
				}
			case <-time.After(eventuallyWithin):
				t.Error("it goes on for ever")
			}
		})
	}
}

// A log that refuses every place ends the relay after a few proofs.
func TestRelayEndsWhenTheLogRefusesItsPlace(t *testing.T) {
	k, inner, places := brokers(t), memory.New(), &memory.Checkpoints{}
	history(t, inner, 1, 3)
	log := sagastest.NewUnsteady(inner)
	for range following.MaxRewinds + 1 {
		log.Fail(domain.Errorf(domain.Invalid, "no position of the log"))
	}
	ctx, cancel := context.WithTimeout(t.Context(), eventuallyWithin)
	defer cancel()
	err := kafka.Relay{Kafka: k, Log: log, Checkpoints: places}.Run(ctx)
	if domain.KindOf(err) != domain.Invalid || !strings.Contains(err.Error(), "no position") {
		t.Errorf("it ended with %v", err)
	}
	if opened, _, _ := log.Counts(); opened != following.MaxRewinds+1 {
		t.Errorf("it subscribed %d times, want %d", opened, following.MaxRewinds+1)
	}
}

// What lies in the log for nobody is passed, and the next relay does not walk
// through it.
func TestTheRelaySavesItsWatermark(t *testing.T) {
	k, log, places := brokers(t), memory.New(), &memory.Checkpoints{}
	history(t, log, 1, 3)
	mine := markOf(t, log, 3)
	for i := range 500 {
		e := eventlog.Pending{ID: eventlog.NewEventID("others", "others-1", i), Type: "happened.v1", Data: []byte(`{}`)}
		if _, err := log.Append(t.Context(), "others-1", eventlog.Version(i), e); err != nil {
			t.Fatal(err)
		}
	}
	end := markOf(t, log, 503)
	stop := running(t, kafka.Relay{Kafka: k, Log: log, Checkpoints: places}.Run)
	want := eventlog.Checkpoint{Event: mine, Passed: end}
	saved := func() eventlog.Checkpoint {
		c, err := places.LoadCheckpoint(t.Context(), kafka.RelayName)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	eventually(t, "the watermark is saved", func() bool { return saved() == want })
	_ = stop()
	stop = running(t, kafka.Relay{Kafka: k, Log: log, Checkpoints: places}.Run)
	appendTo(t, log, 1, 1)
	eventually(t, "what comes then is published", func() bool { return saved().Event == markOf(t, log, 504) })
	_ = stop()
	if n := len(everything(t, k, kafka.EventsTopic)); n != 4 {
		t.Errorf("%d events were published, want 4", n)
	}
}

// An order whose stream was truncated keeps its payment out of the retry queue,
// and holds up nothing else.
func TestATruncatedOrderDoesNotStopTheRelay(t *testing.T) {
	var s said
	k, log, places := brokers(t, s.to), memory.New(), &memory.Checkpoints{}
	open := payment.Deferred{Gateway: "sim", Reason: "circuit_open"}
	deferred(t, log, "ord_cut", "cust_1", open)
	put(t, log, order.Codec, order.Stream("ord_cut"), "ord_cut", order.Event(order.CancelRequested{Reason: "customer_asked"}))
	log.Scavenge(order.Stream("ord_cut"), 2)
	deferred(t, log, "ord_whole", "cust_2", open)
	stop := running(t, kafka.Relay{Kafka: k, Log: log, Checkpoints: places}.Run)
	eventually(t, "all is published", func() bool { return place(t, places) == endOf(t, log) })
	_ = stop()
	retries := everything(t, k, kafka.RetryTopic)
	if len(retries) != 1 || string(retries[0].Key) != "cust_2" {
		t.Errorf("%d payments are in the queue, want that of cust_2", len(retries))
	}
	if text := s.String(); !strings.Contains(text, "level=ERROR") || !strings.Contains(text, "order=ord_cut") {
		t.Errorf("said %s", text)
	}
}
