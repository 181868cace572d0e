package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/cmd/orderflow/internal/audit"
	"orderflow/cmd/orderflow/internal/terminal"
	"orderflow/domain"
	"orderflow/infra/kafka"
	"orderflow/sagas/charging"
	"orderflow/sagas/dispatching"
	"orderflow/sagas/fulfilling"
)

// poisonCmd looks after messages that could not be read or handled.
type poisonCmd struct {
	List   poisonListCmd   `cmd:"" help:"Show the messages that were set aside, and why."`
	Replay poisonReplayCmd `cmd:"" help:"Give them to their group again, after what was wrong is mended."`
}

// brokersFlags say where the messages are, and which are meant.
type brokersFlags struct {
	Kafka  []string `help:"The Kafka brokers." placeholder:"HOST:PORT,…" env:"ORDERFLOW_KAFKA" required:""`
	Topics string   `help:"What the names of topics and groups begin with." placeholder:"PREFIX" env:"ORDERFLOW_TOPICS"`

	ID     string `name:"id" help:"Only the message of this id."`
	Order  string `help:"Only messages about this order."`
	Group  string `help:"Only messages that this group set aside, such as saga.fulfilment."`
	Reason string `help:"Only messages set aside for this reason."`
	Limit  int    `help:"At most so many (${default})." default:"100" placeholder:"N"`
	JSON   bool   `help:"Print JSON for programs."`
}

func (f brokersFlags) filter() kafka.Filter {
	return kafka.Filter{ID: f.ID, Order: f.Order, Group: f.Group, Reason: kafka.Reason(f.Reason), Limit: f.Limit}
}

// poison is what was set aside. A message that can be read now is published
// again where it came from, with its key: its group, wherever that runs, handles
// it, and sets it aside again if it still cannot.
func (f brokersFlags) poison(logger *slog.Logger) (kafka.Poison, func() error) {
	k := kafka.New(kafka.Config{Brokers: f.Kafka, Prefix: f.Topics, Logger: logger})
	p := kafka.Poison{Kafka: k, Handlers: map[string]kafka.Handler{
		kafka.RetryGroup: {Check: k.RetryQueue().Check, Handle: again(k, kafka.RetryTopic)},
	}}
	for _, saga := range []string{fulfilling.Name, charging.Name, dispatching.Name} {
		feed := k.Feed(saga)
		p.Handlers[feed.Group()] = kafka.Handler{Check: feed.Check, Handle: again(k, kafka.EventsTopic)}
	}
	return p, k.Close
}

// again publishes a message as it was.
func again(k *kafka.Kafka, topic string) kafka.Handle {
	return func(m *message.Message) error { return k.Publisher().Publish(k.Topic(topic), m) }
}

type poisonListCmd struct{ brokersFlags }

type poisonView struct {
	ID        string    `json:"id"`
	Group     string    `json:"group"`
	Topic     string    `json:"topic"`
	Partition int32     `json:"partition"`
	Offset    int64     `json:"offset"`
	Order     string    `json:"order,omitempty"`
	Reason    string    `json:"reason"`
	Text      string    `json:"text"`
	Bytes     int       `json:"bytes"`
	At        time.Time `json:"at"`
}

func viewOf(r kafka.Record) poisonView {
	return poisonView{
		ID: r.ID, Group: r.Group, Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Order: r.Order,
		Reason: string(r.Reason), Text: r.Text, Bytes: r.Bytes, At: r.At,
	}
}

// Run lists.
func (c *poisonListCmd) Run(ctx context.Context, s terminal.Streams, logger *slog.Logger) (err error) {
	p, end := c.poison(logger)
	defer func() { err = audit.FirstErr(err, end()) }()
	records, err := p.List(ctx, c.filter())
	if err != nil {
		return err
	}
	views := make([]poisonView, len(records))
	for i, r := range records {
		views[i] = viewOf(r)
	}
	if c.JSON {
		return terminal.PrintJSON(s.Out, views)
	}
	t := terminal.NewTable(s.Out, "id", "group", "order", "reason", "set aside", "bytes", "text")
	for _, v := range views {
		t.Row(v.ID, v.Group, v.Order, v.Reason, v.At.UTC().Format(time.RFC3339), v.Bytes, v.Text)
	}
	c.sayMore(s, len(views))
	return t.Flush()
}

// sayMore tells that there may be more than were asked for.
func (f brokersFlags) sayMore(s terminal.Streams, n int) {
	if n >= f.Limit {
		fmt.Fprintf(s.Err, "orderflow: there may be more than these %d; see more with --limit\n", n)
	}
}

type poisonReplayCmd struct {
	brokersFlags
	DryRun bool `help:"Only say what would happen to each message."`
}

// Help is shown under the subcommand's own --help.
func (c *poisonReplayCmd) Help() string {
	return terminal.Usage("A message that can be read now is published again, under its key, and is no longer listed; one that cannot stays. " +
		"Look with --dry-run first. An event is only a reason to look at an order, so handling it twice does no harm.")
}

type replayView struct {
	poisonView
	Outcome string `json:"outcome"`
	Error   string `json:"error,omitempty"`
}

// Run replays, or says what it would do.
func (c *poisonReplayCmd) Run(ctx context.Context, s terminal.Streams, logger *slog.Logger) (err error) {
	p, end := c.poison(logger)
	defer func() { err = audit.FirstErr(err, end()) }()
	report, err := p.Replay(ctx, c.DryRun, c.filter())
	views := make([]replayView, len(report.Messages))
	for i, m := range report.Messages {
		views[i] = replayView{poisonView: viewOf(m.Record), Outcome: string(m.Outcome)}
		if m.Err != nil {
			views[i].Error = m.Err.Error()
		}
	}
	if c.JSON {
		return audit.FirstErr(err, terminal.PrintJSON(s.Out, map[string]any{"done": report.Done, "dry_run": c.DryRun, "messages": views}))
	}
	t := terminal.NewTable(s.Out, "id", "group", "order", "outcome", "why")
	for _, v := range views {
		t.Row(v.ID, v.Group, v.Order, v.Outcome, v.Error)
	}
	if err := audit.FirstErr(err, t.Flush()); err != nil {
		return err
	}
	c.sayMore(s, len(views))
	if left := len(views) - report.Done; left > 0 {
		return domain.Errorf(domain.Rejected, "%d of %d messages stay set aside; mend what they say first.", left, len(views))
	}
	fmt.Fprintf(s.Out, "%d messages\n", report.Done)
	return nil
}
