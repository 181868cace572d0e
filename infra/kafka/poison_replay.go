package kafka

import (
	"context"
	"errors"
	"time"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"

	"orderflow/domain"
)

// replayTimeout bounds the handling of one message that is replayed.
const replayTimeout = 30 * time.Second

// Outcome is the result of a replay, or of a dry run.
type Outcome string

// The outcomes.
const (
	WouldReplay Outcome = "would_replay" // dry run: it can be read
	Replayed    Outcome = "replayed"     // handled, and no longer listed
	StillPoison Outcome = "still_poison" // it stays
	NoHandler   Outcome = "no_handler"   // its group has none in this process; it stays
)

// Report lists the result of each message.
type Report struct {
	Messages []Replay
	Done     int // of them: replayed, or in a dry run, would be
}

// Replay is the result for one message.
type Replay struct {
	Record  Record
	Outcome Outcome
	Err     error // why it stays
}

// Replay hands dead-lettered messages to their handlers again, the oldest of an order
// first, and marks the handled ones as resolved. A dry run only says what would
// happen. It is at least once, as everything here: after a crash between
// handling and marking, the next replay handles again. When the brokers fail,
// it ends with a report of the messages handled so far.
func (p Poison) Replay(ctx context.Context, dryRun bool, f Filter) (Report, error) {
	records, err := p.List(ctx, f)
	if err != nil || len(records) == 0 {
		return Report{}, err
	}
	done := make([]Replay, len(records))
	at := map[place]int{}
	for i, r := range records {
		at[place{r.partition, r.offset}] = i
		done[i] = Replay{r, StillPoison, domain.Errorf(domain.NotFound, "The brokers no longer keep it.")}
	}
	err = p.Kafka.each(ctx, PoisonTopic, func(m *sarama.ConsumerMessage) (err error) {
		here := place{m.Partition, m.Offset}
		if i, ok := at[here]; ok {
			delete(at, here) // the brokers may show it twice
			done[i], err = p.replay(ctx, dryRun, records[i], m)
		}
		return err
	})
	report := Report{Messages: done}
	for _, r := range done {
		if r.Outcome == Replayed || r.Outcome == WouldReplay {
			report.Done++
		}
	}
	return report, failed(err, "Some dead letters could not be read or marked as replayed.")
}

// place is the partition and offset of a message in the poison topic.
type place struct {
	partition int32
	offset    int64
}

// replay deals with one message; an error ends the whole.
func (p Poison) replay(ctx context.Context, dryRun bool, r Record, kept *sarama.ConsumerMessage) (Replay, error) {
	to, ok := p.Handlers[r.Group]
	if !ok {
		return Replay{r, NoHandler, domain.Errorf(domain.NotFound, "Group %q has no handler in this process.", r.Group)}, nil
	}
	in, err := p.Kafka.original(r, kept)
	if err != nil {
		return Replay{r, StillPoison, err}, nil
	}
	if err := handed(ctx, to.Check, in); err != nil {
		return Replay{r, StillPoison, err}, ctx.Err()
	}
	if dryRun {
		return Replay{r, WouldReplay, nil}, nil
	}
	if err := handed(ctx, to.Handle, in); err != nil {
		return Replay{r, StillPoison, err}, ctx.Err()
	}
	resolution := message.NewMessage("", nil)
	resolution.SetContext(ctx)
	resolution.Metadata.Set(poisonResolved, r.ID)
	resolution.Metadata.Set(poisonAt, time.Now().UTC().Format(time.RFC3339Nano))
	SetKey(resolution, string(kept.Key)) // behind the message, in its partition
	if err := p.Kafka.Publisher().Publish(p.Kafka.Topic(PoisonTopic), resolution); err != nil {
		return Replay{r, StillPoison, err}, failed(err, "A message was handled, but could not be marked as resolved.")
	}
	return Replay{r, Replayed, nil}, nil
}

// handed gives a message to a handler; a panic is an error. No handler is none.
func handed(ctx context.Context, handle Handle, in *sarama.ConsumerMessage) error {
	if handle == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, replayTimeout)
	defer cancel()
	m, _ := Marshaler{}.Unmarshal(in) // which never fails
	m.SetContext(withOrigin(ctx, in))
	_, err := middleware.Recoverer(func(m *message.Message) ([]*message.Message, error) { return nil, handle(m) })(m)
	if errors.Is(err, context.DeadlineExceeded) {
		return domain.Wrap(domain.Unavailable, err, "The handler did not end within %v", replayTimeout)
	}
	return err
}
