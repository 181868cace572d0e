package clustertest_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/persistent"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

// batch sends one append of a call of batches, and returns its correlation.
func batch(t *testing.T, call streams.Streams_BatchAppendClient, stream string) (correlation string) {
	t.Helper()
	correlation = uuid.NewString()
	err := call.Send(&streams.BatchAppendReq{
		CorrelationId: &shared.UUID{Value: &shared.UUID_String_{String_: correlation}},
		Options: &streams.BatchAppendReq_Options{
			StreamIdentifier:       &shared.StreamIdentifier{StreamName: []byte(stream)},
			ExpectedStreamPosition: &streams.BatchAppendReq_Options_Any{Any: &emptypb.Empty{}},
		},
		ProposedMessages: []*streams.BatchAppendReq_ProposedMessage{{
			Id:       &shared.UUID{Value: &shared.UUID_String_{String_: uuid.NewString()}},
			Metadata: map[string]string{"type": "tested", "content-type": "application/json"}, Data: []byte(`{}`),
		}},
		IsFinal: true,
	})
	if err != nil && !errors.Is(err, io.EOF) { // the answer says more
		t.Fatal(err)
	}
	return correlation
}

func batches(ctx context.Context, t *testing.T, r raw) streams.Streams_BatchAppendClient {
	t.Helper()
	call, err := r.BatchAppend(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return call
}

func TestBatches(t *testing.T) {
	c := fresh(t)
	ctx := onLeader(within(t, patience))
	follower := batches(ctx, t, dial(t, c.Address(1)))
	batch(t, follower, "x")
	_, err := follower.Recv()
	wantNotLeader(t, "batch", err, follower.Trailer(), c.Address(0))

	leader := batches(ctx, t, dial(t, c.Address(0)))
	for range 3 {
		want := batch(t, leader, "x")
		m, err := leader.Recv()
		if err != nil || m.GetCorrelationId().GetString_() != want || m.GetSuccess() == nil {
			t.Fatalf("the leader answers %v, %v", m, err)
		}
	}
	c.Resign(2)
	batch(t, leader, "x")
	_, err = leader.Recv()
	wantNotLeader(t, "batch under the next leader", err, leader.Trailer(), c.Address(2))

	c.LoseQuorum()
	silent := batches(onLeader(within(t, short)), t, dial(t, c.Address(2)))
	batch(t, silent, "x")
	_, err = silent.Recv()
	wantDeadline(t, "batch without a leader", err)
	if last, err := c.Engine().LastNumber(ctx, "x"); err != nil || last != 2 {
		t.Errorf("the last number is %d, want 2: %v", last, err)
	}
}

func TestBatchesLoseAnswers(t *testing.T) {
	log := newHeldLog()
	c := clusterOn(t, log)
	call := batches(within(t, patience), t, dial(t, c.Address(0)))
	batch(t, call, "held")
	<-log.inside
	c.TwoLeaders(1, long)
	close(log.goOn)
	until(t, c, "the answer is lost", func() bool { return c.Counts(0).Unanswered == 1 })
	c.Resign(0)
	want := batch(t, call, "x")
	m, err := call.Recv()
	if err != nil || m.GetCorrelationId().GetString_() != want {
		t.Errorf("answered %v, %v; want the second batch", m, err)
	}
	if last, err := c.Engine().LastNumber(within(t, patience), "held"); err != nil || last != 0 {
		t.Errorf("the last number is %d, want 0: %v", last, err)
	}
}

func TestDeletes(t *testing.T) {
	c := fresh(t)
	ctx := onLeader(within(t, patience))
	leader, follower := dial(t, c.Address(0)), dial(t, c.Address(1))
	leader.mustAppend("x")
	call := func(ctx context.Context, of streams.StreamsClient) (metadata.MD, error) {
		var trailers metadata.MD
		_, err := of.Delete(ctx, &streams.DeleteReq{Options: &streams.DeleteReq_Options{
			StreamIdentifier:       &shared.StreamIdentifier{StreamName: []byte("x")},
			ExpectedStreamRevision: &streams.DeleteReq_Options_Any{Any: &shared.Empty{}},
		}}, trailer(&trailers))
		return trailers, err
	}
	trailers, err := call(ctx, follower)
	wantNotLeader(t, "delete", err, trailers, c.Address(0))
	c.LoseQuorum()
	_, err = call(onLeader(within(t, short)), leader)
	wantDeadline(t, "delete without a leader", err)
	c.RegainQuorum(1)
	if m, err := c.Engine().Metadata(ctx, "x"); err != nil || m.Gone() {
		t.Errorf("what was not answered was done: %v", err)
	}
	if _, err := call(ctx, follower); err != nil {
		t.Errorf("delete at the new leader: %v", err)
	}
}

func TestTombstonesLoseAnswers(t *testing.T) {
	log := newHeldLog()
	c := clusterOn(t, log)
	leader := dial(t, c.Address(0))
	call, cancel := context.WithCancel(within(t, patience))
	failed := make(chan error, 1)
	go func() {
		_, err := leader.Tombstone(call, &streams.TombstoneReq{Options: &streams.TombstoneReq_Options{
			StreamIdentifier:       &shared.StreamIdentifier{StreamName: []byte("held")},
			ExpectedStreamRevision: &streams.TombstoneReq_Options_Any{Any: &shared.Empty{}},
		}})
		failed <- err
	}()
	<-log.inside
	c.LoseQuorum()
	close(log.goOn)
	until(t, c, "the answer is held back", func() bool { return c.Counts(0).Unanswered == 1 })
	cancel()
	if err := <-failed; status.Code(err) != codes.Canceled {
		t.Errorf("answered %v", err)
	}
}

// TestPersistentSubscriptions are the leader's, and move with it.
func TestPersistentSubscriptions(t *testing.T) {
	c := fresh(t)
	ctx := within(t, patience)
	first, second := dial(t, c.Address(0)), dial(t, c.Address(1))
	create := func(r raw) (metadata.MD, error) {
		var trailers metadata.MD
		_, err := persistent.NewPersistentSubscriptionsClient(r).Create(ctx, &persistent.CreateReq{Options: &persistent.CreateReq_Options{
			StreamOption: &persistent.CreateReq_Options_Stream{Stream: &persistent.CreateReq_StreamOptions{
				StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte("x")},
				RevisionOption:   &persistent.CreateReq_StreamOptions_Start{Start: &shared.Empty{}},
			}},
			GroupName: "g",
			Settings: &persistent.CreateReq_Settings{
				HistoryBufferSize: 500, LiveBufferSize: 500, ReadBatchSize: 20, ConsumerStrategy: "RoundRobin", MaxRetryCount: 10,
				MinCheckpointCount: 1, MaxCheckpointCount: 1000,
				MessageTimeout:  &persistent.CreateReq_Settings_MessageTimeoutMs{MessageTimeoutMs: 30_000},
				CheckpointAfter: &persistent.CreateReq_Settings_CheckpointAfterMs{CheckpointAfterMs: 2_000},
			},
		}}, trailer(&trailers))
		return trailers, err
	}
	trailers, err := create(second)
	wantNotLeader(t, "create", err, trailers, c.Address(0))
	if _, err := create(first); err != nil {
		t.Fatal(err)
	}
	consume := func(r raw) persistent.PersistentSubscriptions_ReadClient {
		call, err := persistent.NewPersistentSubscriptionsClient(r).Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		_ = call.Send(&persistent.ReadReq{Content: &persistent.ReadReq_Options_{Options: &persistent.ReadReq_Options{
			StreamOption: &persistent.ReadReq_Options_StreamIdentifier{StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte("x")}},
			GroupName:    "g", BufferSize: 10,
			UuidOption: &persistent.ReadReq_Options_UUIDOption{Content: &persistent.ReadReq_Options_UUIDOption_String_{String_: &shared.Empty{}}},
		}}}) // the answer says more
		return call
	}
	refused := consume(second)
	_, err = refused.Recv()
	wantNotLeader(t, "consumer at a follower", err, refused.Trailer(), c.Address(0))
	served := consume(first)
	if m, err := served.Recv(); err != nil || m.GetSubscriptionConfirmation() == nil {
		t.Fatalf("the consumer gets %v, %v", m, err)
	}
	c.Resign(1)
	_, err = served.Recv()
	wantNotLeader(t, "consumer under way", err, served.Trailer(), c.Address(1))
	id := second.mustAppend("x")
	moved := consume(second)
	for confirmed := false; ; confirmed = true {
		m, err := moved.Recv()
		if err != nil || !confirmed && m.GetSubscriptionConfirmation() == nil {
			t.Fatalf("the consumer at the new leader gets %v, %v", m, err)
		}
		if confirmed {
			if got := m.GetEvent().GetEvent().GetId().GetString_(); got != id.String() {
				t.Errorf("the event is %s, want %s", got, id)
			}
			return
		}
	}
}
