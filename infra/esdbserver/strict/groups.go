package strict

import (
	"context"
	"fmt"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/persistent"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
)

const group = "check"

// create makes a group on the question's stream from its start; change alters the request.
func (s *Session) create(ctx context.Context, change ...func(*persistent.CreateReq_Options)) error {
	o := &persistent.CreateReq_Options{
		GroupName: group,
		StreamOption: &persistent.CreateReq_Options_Stream{Stream: &persistent.CreateReq_StreamOptions{
			StreamIdentifier: identifier(s.stream), RevisionOption: &persistent.CreateReq_StreamOptions_Start{Start: empty()},
		}},
		Settings: &persistent.CreateReq_Settings{
			ReadBatchSize: 10, HistoryBufferSize: 20, LiveBufferSize: 20, MinCheckpointCount: 1, MaxCheckpointCount: 1, MaxRetryCount: 10,
			MessageTimeout: &persistent.CreateReq_Settings_MessageTimeoutMs{MessageTimeoutMs: 30_000}, ConsumerStrategy: "RoundRobin",
		},
	}
	for _, c := range change {
		c(o)
	}
	_, err := s.groups.Create(ctx, &persistent.CreateReq{Options: o})
	return err
}

// drop deletes the group of a question; nothing hangs on it.
func (s *Session) drop(ctx context.Context, all bool) {
	o := &persistent.DeleteReq_Options{GroupName: group, StreamOption: &persistent.DeleteReq_Options_StreamIdentifier{StreamIdentifier: identifier(s.stream)}}
	if all {
		o.GroupName, o.StreamOption = s.stream, &persistent.DeleteReq_Options_All{All: empty()}
	}
	ctx, cancel := s.clearing(ctx)
	defer cancel()
	_, _ = s.groups.Delete(ctx, &persistent.DeleteReq{Options: o})
}

// consumer is one that shares a group.
type consumer struct {
	call   persistent.PersistentSubscriptions_ReadClient
	cancel context.CancelFunc
}

// consume joins the group of a question, or one on $all; the caller cancels it.
func (s *Session) consume(ctx context.Context, all bool) (c consumer, err error) {
	ctx, c.cancel = context.WithCancel(ctx)
	if c.call, err = s.groups.Read(ctx); err != nil {
		c.cancel()
		return c, err
	}
	o := &persistent.ReadReq_Options{
		GroupName: group, BufferSize: 10, StreamOption: &persistent.ReadReq_Options_StreamIdentifier{StreamIdentifier: identifier(s.stream)},
		UuidOption: &persistent.ReadReq_Options_UUIDOption{Content: &persistent.ReadReq_Options_UUIDOption_String_{String_: empty()}},
	}
	if all {
		o.GroupName, o.StreamOption = s.stream, &persistent.ReadReq_Options_All{All: empty()}
	}
	if err = c.call.Send(&persistent.ReadReq{Content: &persistent.ReadReq_Options_{Options: o}}); err != nil {
		c.cancel()
	}
	return c, err
}

// next returns the next event.
func (c consumer) next() (*persistent.ReadResp_ReadEvent, error) {
	for {
		m, err := c.call.Recv()
		if err != nil {
			return nil, err
		}
		if e := m.GetEvent(); e != nil {
			return e, nil
		}
	}
}

func (c consumer) ack(e *persistent.ReadResp_ReadEvent) error {
	return c.call.Send(&persistent.ReadReq{Content: &persistent.ReadReq_Ack_{Ack: &persistent.ReadReq_Ack{Ids: []*shared.UUID{e.GetEvent().GetId()}}}})
}

// setting creates a group with settings of which one is changed.
func setting(change func(*persistent.CreateReq_Settings)) func(context.Context, *Session) (string, error) {
	return func(ctx context.Context, s *Session) (string, error) {
		defer s.drop(ctx, false)
		return refusal(s.create(ctx, func(o *persistent.CreateReq_Options) { change(o.Settings) })), nil
	}
}

// updating creates a group and updates it to settings of which one is changed.
func updating(change func(*persistent.UpdateReq_Settings)) func(context.Context, *Session) (string, error) {
	return func(ctx context.Context, s *Session) (string, error) {
		if err := s.create(ctx); err != nil {
			return "", err
		}
		defer s.drop(ctx, false)
		settings := newSettings()
		change(settings)
		return refusal(s.update(ctx, 0, settings)), nil
	}
}

// newSettings returns those of an update that changes none.
func newSettings() *persistent.UpdateReq_Settings {
	return &persistent.UpdateReq_Settings{
		ReadBatchSize: 10, HistoryBufferSize: 20, LiveBufferSize: 20, MinCheckpointCount: 1, MaxCheckpointCount: 1, MaxRetryCount: 10,
		MessageTimeout: &persistent.UpdateReq_Settings_MessageTimeoutMs{MessageTimeoutMs: 30_000},
	}
}

// update gives the group of a question a start and settings.
func (s *Session) update(ctx context.Context, start uint64, settings *persistent.UpdateReq_Settings) error {
	_, err := s.groups.Update(ctx, &persistent.UpdateReq{Options: &persistent.UpdateReq_Options{
		GroupName: group,
		StreamOption: &persistent.UpdateReq_Options_Stream{Stream: &persistent.UpdateReq_StreamOptions{
			StreamIdentifier: identifier(s.stream), RevisionOption: &persistent.UpdateReq_StreamOptions_Revision{Revision: start},
		}},
		Settings: settings,
	}})
	return err
}

func groups() []Question {
	const part = "groups"
	return []Question{
		{Part: part, Asked: "a history buffer not above the read batch", Real: "InvalidArgument", Ask: setting(func(s *persistent.CreateReq_Settings) { s.HistoryBufferSize = s.ReadBatchSize })},
		{Part: part, Asked: "a read batch of 0", Real: "InvalidArgument", Ask: setting(func(s *persistent.CreateReq_Settings) { s.ReadBatchSize = 0 })},
		{Part: part, Asked: "a live buffer of 0", Real: "InvalidArgument", Ask: setting(func(s *persistent.CreateReq_Settings) { s.LiveBufferSize = 0 })},
		{Part: part, Asked: "an update to a history buffer not above the read batch", Real: "InvalidArgument", Ask: updating(func(s *persistent.UpdateReq_Settings) { s.HistoryBufferSize = s.ReadBatchSize })},
		{Part: part, Asked: "an update to a read batch of 0", Real: "InvalidArgument", Ask: updating(func(s *persistent.UpdateReq_Settings) { s.ReadBatchSize = 0 })},
		{Part: part, Asked: "an update to a live buffer of 0", Real: "InvalidArgument", Ask: updating(func(s *persistent.UpdateReq_Settings) { s.LiveBufferSize = 0 })},
		{
			Part: part, Asked: "a group without a name", Real: "taken", Want: "InvalidArgument", Reason: "nobody could tell such a group from a request that forgot it", Harmful: true,
			Ask: func(ctx context.Context, s *Session) (string, error) {
				return refusal(s.create(ctx, func(o *persistent.CreateReq_Options) { o.GroupName = "" })), nil
			},
		},
		{Part: part, Asked: "an event whose consumers went, the third time", Real: "try 2", Ask: lost},
		{Part: part, Asked: "the last measurement of a consumer", Real: "Highest", Ask: measured},
		{Part: part, Asked: "a start on $all that no event has, then read", Real: "Canceled", Ask: nowhere},
		{Part: part, Asked: "a group on a tombstoned stream, then read", Real: "Canceled", Ask: onTombstone},
		{Part: part, Asked: "an update that moves the start beyond the end, then 3 events", Real: "event 4", Ask: moved},
	}
}

// lost lets two consumers go with an event unanswered.
func lost(ctx context.Context, s *Session) (string, error) {
	if _, err := s.must(ctx, s.stream, named("a")...); err != nil {
		return "", err
	}
	if err := s.create(ctx); err != nil {
		return "", err
	}
	defer s.drop(ctx, false)
	for try := 0; ; try++ {
		c, err := s.consume(ctx, false)
		if err != nil {
			return "", err
		}
		e, err := c.next()
		c.cancel()
		if err != nil || try == 2 {
			return fmt.Sprint("try ", e.GetRetryCount()), err
		}
	}
}

// measured asks about a group with extra statistics until there are some.
func measured(ctx context.Context, s *Session) (string, error) {
	if _, err := s.must(ctx, s.stream, named("a")...); err != nil {
		return "", err
	}
	if err := s.create(ctx, func(o *persistent.CreateReq_Options) { o.Settings.ExtraStatistics = true }); err != nil {
		return "", err
	}
	defer s.drop(ctx, false)
	c, err := s.consume(ctx, false)
	if err != nil {
		return "", err
	}
	defer c.cancel()
	e, err := c.next()
	if err == nil {
		err = c.ack(e)
	}
	if err != nil {
		return "", err
	}
	var last string
	err = s.until(ctx, func(info *persistent.SubscriptionInfo) bool {
		for _, of := range info.GetConnections() {
			if m := of.GetObservedMeasurements(); len(m) > 0 {
				last = m[len(m)-1].GetKey()
			}
		}
		return last != ""
	})
	return last, err
}

// until asks about the group of a question until it is as it should be.
func (s *Session) until(ctx context.Context, done func(*persistent.SubscriptionInfo) bool) error {
	for {
		info, err := s.groups.GetInfo(ctx, &persistent.GetInfoReq{Options: &persistent.GetInfoReq_Options{
			GroupName: group, StreamOption: &persistent.GetInfoReq_Options_StreamIdentifier{StreamIdentifier: identifier(s.stream)},
		}})
		if err != nil || done(info.GetSubscriptionInfo()) {
			return err
		}
	}
}

// nowhere makes a group that begins beside the position of an event.
func nowhere(ctx context.Context, s *Session) (string, error) {
	p, err := s.must(ctx, s.stream, named("a")...)
	if err == nil {
		_, err = s.must(ctx, s.stream, named("b")...)
	}
	if err != nil {
		return "", err
	}
	if err := s.create(ctx, func(o *persistent.CreateReq_Options) {
		o.GroupName = s.stream
		o.StreamOption = &persistent.CreateReq_Options_All{All: &persistent.CreateReq_AllOptions{
			AllOption:    &persistent.CreateReq_AllOptions_Position{Position: &persistent.CreateReq_Position{CommitPosition: p + 1, PreparePosition: p + 1}},
			FilterOption: &persistent.CreateReq_AllOptions_NoFilter{NoFilter: empty()},
		}}
	}); err != nil {
		return "not created: " + refusal(err), nil
	}
	defer s.drop(ctx, true)
	return dropped(ctx, s, true)
}

// dropped returns how a consumer fares that waits for an event.
func dropped(ctx context.Context, s *Session, all bool) (string, error) {
	c, err := s.consume(ctx, all)
	if err != nil {
		return "", err
	}
	defer c.cancel()
	if _, err = c.next(); err != nil {
		return refusal(err), nil
	}
	return "an event", nil
}

func onTombstone(ctx context.Context, s *Session) (string, error) {
	if _, err := s.must(ctx, s.stream, named("a")...); err != nil {
		return "", err
	}
	if err := s.tombstone(ctx, s.stream); err != nil {
		return "", err
	}
	if err := s.create(ctx); err != nil {
		return "not created: " + refusal(err), nil
	}
	defer s.drop(ctx, false)
	return dropped(ctx, s, false)
}

// moved deals with one event of two, moves the start to event 4, appends up to
// that and says which comes next.
func moved(ctx context.Context, s *Session) (string, error) {
	if _, err := s.must(ctx, s.stream, named("0", "1")...); err != nil {
		return "", err
	}
	if err := s.create(ctx); err != nil {
		return "", err
	}
	defer s.drop(ctx, false)
	c, err := s.consume(ctx, false)
	if err != nil {
		return "", err
	}
	defer c.cancel()
	e, err := c.next()
	if err == nil {
		err = c.ack(e)
	}
	if err == nil { // a checkpoint that the new start has to win over
		err = s.until(ctx, func(info *persistent.SubscriptionInfo) bool { return info.GetLastCheckpointedEventPosition() == "0" })
	}
	if err != nil {
		return "", err
	}
	if err := s.update(ctx, 4, newSettings()); err != nil {
		return "", err
	}
	if _, err := s.must(ctx, s.stream, named("2", "3", "4")...); err != nil {
		return "", err
	}
	after, err := s.consume(ctx, false)
	if err != nil {
		return "", err
	}
	defer after.cancel()
	if e, err = after.next(); err != nil {
		return refusal(err), nil
	}
	return "event " + e.GetEvent().GetMetadata()["type"], nil
}
