package esdbserver_test

import (
	"math"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/persistent"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"orderflow/infra/memory"
)

func same(t testing.TB, what string, err error, trailers metadata.MD, code codes.Code, exception string) {
	t.Helper()
	got := ""
	if values := trailers.Get("exception"); len(values) > 0 {
		got = values[0]
	}
	if status.Code(err) != code || got != exception {
		t.Errorf("%s: %v with exception %q, want %v with %q", what, err, got, code, exception)
	}
	if exception != "" && exception != "access-denied" && (len(trailers.Get("stream-name")) != 1 || len(trailers.Get("group-name")) != 1) {
		t.Errorf("%s: trailers %v", what, trailers)
	}
}

// TestWhatGroupsRefuse has a row for each way to be wrong.
func TestWhatGroupsRefuse(t *testing.T) {
	n := serve(t, memory.NewDense())
	raw := rawPersistent(t, n.address)
	identify := func(name string) *shared.StreamIdentifier { return &shared.StreamIdentifier{StreamName: []byte(name)} }
	good := func() *persistent.CreateReq {
		return &persistent.CreateReq{Options: &persistent.CreateReq_Options{
			GroupName: "g", StreamOption: &persistent.CreateReq_Options_Stream{Stream: &persistent.CreateReq_StreamOptions{
				StreamIdentifier: identify("s\n1"), RevisionOption: &persistent.CreateReq_StreamOptions_Start{},
			}},
			Settings: &persistent.CreateReq_Settings{ReadBatchSize: 20, HistoryBufferSize: 500, LiveBufferSize: 500, NamedConsumerStrategy: persistent.CreateReq_RoundRobin},
		}}
	}
	all := func(a *persistent.CreateReq_AllOptions) *persistent.CreateReq_Options_All {
		return &persistent.CreateReq_Options_All{All: a}
	}
	for _, row := range []struct {
		name      string
		change    func(*persistent.CreateReq_Options)
		code      codes.Code
		exception string
	}{
		{"none", func(*persistent.CreateReq_Options) {}, codes.OK, ""},
		{"exists", func(*persistent.CreateReq_Options) {}, codes.AlreadyExists, "persistent-subscription-exists"},
		{"strategy", func(o *persistent.CreateReq_Options) { o.Settings.ConsumerStrategy = "Best" }, codes.Internal, "persistent-subscription-failed"},
		{"batch", func(o *persistent.CreateReq_Options) { o.Settings.ReadBatchSize = 500 }, codes.InvalidArgument, ""},
		{"stream $all", func(o *persistent.CreateReq_Options) { o.GetStream().StreamIdentifier = identify("$all") }, codes.Internal, "persistent-subscription-failed"},
		{"no stream", func(o *persistent.CreateReq_Options) { o.GetStream().StreamIdentifier = nil }, codes.Internal, "persistent-subscription-failed"},
		{"start", func(o *persistent.CreateReq_Options) {
			o.GetStream().RevisionOption = &persistent.CreateReq_StreamOptions_Revision{Revision: math.MaxUint64 - 1}
		}, codes.Internal, "persistent-subscription-failed"},
		{"no start", func(o *persistent.CreateReq_Options) { o.GetStream().RevisionOption = nil }, codes.InvalidArgument, ""},
		{"start beyond the end", func(o *persistent.CreateReq_Options) {
			o.StreamOption = all(&persistent.CreateReq_AllOptions{AllOption: &persistent.CreateReq_AllOptions_Position{
				Position: &persistent.CreateReq_Position{CommitPosition: 1 << 40, PreparePosition: 1 << 40},
			}})
		}, codes.Internal, "persistent-subscription-failed"},
		{"prepare above commit", func(o *persistent.CreateReq_Options) {
			o.StreamOption = all(&persistent.CreateReq_AllOptions{AllOption: &persistent.CreateReq_AllOptions_Position{
				Position: &persistent.CreateReq_Position{CommitPosition: 1, PreparePosition: 2},
			}})
		}, codes.Internal, "persistent-subscription-failed"},
		{"filter", func(o *persistent.CreateReq_Options) {
			o.StreamOption = all(&persistent.CreateReq_AllOptions{
				AllOption: &persistent.CreateReq_AllOptions_Start{},
				FilterOption: &persistent.CreateReq_AllOptions_Filter{Filter: &persistent.CreateReq_AllOptions_FilterOptions{
					Filter: &persistent.CreateReq_AllOptions_FilterOptions_EventType{EventType: &persistent.CreateReq_AllOptions_FilterOptions_Expression{Regex: "("}},
				}},
			})
		}, codes.Internal, "persistent-subscription-failed"},
	} {
		request := good()
		row.change(request.Options)
		var trailers metadata.MD
		_, err := raw.Create(ctx(t), request, grpc.Trailer(&trailers))
		same(t, "create: "+row.name, err, trailers, row.code, row.exception)
		if row.exception == "persistent-subscription-failed" && len(trailers.Get("reason")) != 1 {
			t.Errorf("create: %s: no reason", row.name)
		}
	}
	missing := map[string]func(*metadata.MD) error{
		"update": func(md *metadata.MD) error {
			_, err := raw.Update(ctx(t), &persistent.UpdateReq{Options: &persistent.UpdateReq_Options{
				GroupName: "none", StreamOption: &persistent.UpdateReq_Options_All{All: &persistent.UpdateReq_AllOptions{AllOption: &persistent.UpdateReq_AllOptions_Start{}}},
			}}, grpc.Trailer(md))
			return err
		},
		"delete": func(md *metadata.MD) error {
			_, err := raw.Delete(ctx(t), &persistent.DeleteReq{Options: &persistent.DeleteReq_Options{GroupName: "none"}}, grpc.Trailer(md))
			return err
		},
		"info": func(md *metadata.MD) error {
			_, err := raw.GetInfo(ctx(t), &persistent.GetInfoReq{Options: &persistent.GetInfoReq_Options{GroupName: "none"}}, grpc.Trailer(md))
			return err
		},
		"replay": func(md *metadata.MD) error {
			_, err := raw.ReplayParked(ctx(t), &persistent.ReplayParkedReq{Options: &persistent.ReplayParkedReq_Options{GroupName: "none"}}, grpc.Trailer(md))
			return err
		},
		"list": func(md *metadata.MD) error {
			_, err := raw.List(ctx(t), &persistent.ListReq{Options: &persistent.ListReq_Options{ListOption: &persistent.ListReq_Options_ListForStream{
				ListForStream: &persistent.ListReq_StreamOption{StreamOption: &persistent.ListReq_StreamOption_All{All: &shared.Empty{}}},
			}}}, grpc.Trailer(md))
			return err
		},
		"read": func(md *metadata.MD) error {
			stream, err := raw.Read(ctx(t))
			if err != nil {
				return err
			}
			if err := stream.Send(readOptions("none")); err != nil {
				return err
			}
			_, err = stream.Recv()
			*md = stream.Trailer()
			return err
		},
	}
	for name, call := range missing {
		var trailers metadata.MD
		same(t, name, call(&trailers), trailers, codes.NotFound, "persistent-subscription-does-not-exist")
	}
	stream, err := raw.Read(ctx(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&persistent.ReadReq{Content: &persistent.ReadReq_Ack_{}}); err != nil {
		t.Fatal(err)
	}
	_, err = stream.Recv()
	same(t, "an acknowledgement first", err, stream.Trailer(), codes.InvalidArgument, "")
	_, err = raw.ReplayParked(ctx(t), &persistent.ReplayParkedReq{Options: &persistent.ReplayParkedReq_Options{
		GroupName: "g", StreamOption: &persistent.ReplayParkedReq_Options_StreamIdentifier{StreamIdentifier: identify("s\n1")},
		StopAtOption: &persistent.ReplayParkedReq_Options_StopAt{StopAt: -1},
	}})
	if status.Code(err) != codes.Internal {
		t.Errorf("a replay up to -1: %v", err)
	}
}

// TestOldRequests are those of clients from before there were groups on $all.
func TestOldRequests(t *testing.T) {
	n := serve(t, memory.NewDense())
	raw := rawPersistent(t, n.address)
	id := &shared.StreamIdentifier{StreamName: []byte("s")}
	if _, err := raw.Create(ctx(t), &persistent.CreateReq{Options: &persistent.CreateReq_Options{
		StreamIdentifier: id, GroupName: "g",
		Settings: &persistent.CreateReq_Settings{
			Revision: math.MaxUint64, ReadBatchSize: 1, HistoryBufferSize: 2, LiveBufferSize: 2, NamedConsumerStrategy: persistent.CreateReq_Pinned,
			MessageTimeout: &persistent.CreateReq_Settings_MessageTimeoutTicks{MessageTimeoutTicks: 1},
		},
	}}); err != nil {
		t.Fatal(err)
	}
	look := func(start, strategy string) {
		t.Helper()
		info, err := raw.GetInfo(ctx(t), &persistent.GetInfoReq{Options: &persistent.GetInfoReq_Options{
			GroupName: "g", StreamOption: &persistent.GetInfoReq_Options_StreamIdentifier{StreamIdentifier: id},
		}})
		if i := info.GetSubscriptionInfo(); err != nil || i.GetStartFrom() != start || i.GetNamedConsumerStrategy() != strategy || i.GetMessageTimeoutMilliseconds() != 1 {
			t.Errorf("%v, %v", i, err)
		}
	}
	look("-1", "Pinned")
	if _, err := raw.Update(ctx(t), &persistent.UpdateReq{Options: &persistent.UpdateReq_Options{
		StreamIdentifier: id, GroupName: "g",
		Settings: &persistent.UpdateReq_Settings{
			Revision: 7, ReadBatchSize: 1, HistoryBufferSize: 2, LiveBufferSize: 2, NamedConsumerStrategy: persistent.UpdateReq_DispatchToSingle,
			MessageTimeout: &persistent.UpdateReq_Settings_MessageTimeoutMs{MessageTimeoutMs: 1},
		},
	}}); err != nil {
		t.Fatal(err)
	}
	look("7", "DispatchToSingle")
}
