package esdbserver_test

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"path/filepath"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/persistent"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"orderflow/infra/esdbserver"
	"orderflow/infra/esdbserver/conformance"
	"orderflow/infra/esdbserver/internal/engine"
	"orderflow/infra/memory"
)

// TestWhoMayDoWhatWithGroups asks a node that wants passwords: nobody, an
// operator, and an administrator.
func TestWhoMayDoWhatWithGroups(t *testing.T) {
	folder := t.TempDir()
	if err := conformance.WriteCertificates(folder, time.Now()); err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(folder, "node", "node.crt"), filepath.Join(folder, "node", "node.key"))
	if err != nil {
		t.Fatal(err)
	}
	n := serve(t, memory.NewDense(), func(o *esdbserver.Options) { o.Insecure, o.Certificate = false, &pair })
	conn, err := grpc.NewClient(n.address, grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{InsecureSkipVerify: true}))) //nolint:gosec // our own node, on the loopback
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	raw := persistent.NewPersistentSubscriptionsClient(conn)
	as := func(who string) context.Context {
		if who == "" {
			return ctx(t)
		}
		return metadata.AppendToOutgoingContext(ctx(t), "authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(who+":changeit")))
	}
	stream := func(name string) *shared.StreamIdentifier { return &shared.StreamIdentifier{StreamName: []byte(name)} }
	calls := map[string]func(context.Context, *metadata.MD) error{
		"create": func(c context.Context, md *metadata.MD) error {
			_, err := raw.Create(c, &persistent.CreateReq{Options: &persistent.CreateReq_Options{
				StreamIdentifier: stream("s"), GroupName: "g", Settings: &persistent.CreateReq_Settings{ReadBatchSize: 1, HistoryBufferSize: 2, LiveBufferSize: 2},
			}}, grpc.Trailer(md))
			return err
		},
		"update": func(c context.Context, md *metadata.MD) error {
			_, err := raw.Update(c, &persistent.UpdateReq{Options: &persistent.UpdateReq_Options{
				StreamIdentifier: stream("s"), GroupName: "g", Settings: &persistent.UpdateReq_Settings{ReadBatchSize: 1, HistoryBufferSize: 2, LiveBufferSize: 2},
			}}, grpc.Trailer(md))
			return err
		},
		"replay": func(c context.Context, md *metadata.MD) error {
			_, err := raw.ReplayParked(c, &persistent.ReplayParkedReq{Options: &persistent.ReplayParkedReq_Options{
				StreamOption: &persistent.ReplayParkedReq_Options_StreamIdentifier{StreamIdentifier: stream("s")}, GroupName: "g",
			}}, grpc.Trailer(md))
			return err
		},
		"restart": func(c context.Context, md *metadata.MD) error {
			_, err := raw.RestartSubsystem(c, &shared.Empty{}, grpc.Trailer(md))
			return err
		},
		"delete": func(c context.Context, md *metadata.MD) error {
			_, err := raw.Delete(c, &persistent.DeleteReq{Options: &persistent.DeleteReq_Options{
				StreamOption: &persistent.DeleteReq_Options_StreamIdentifier{StreamIdentifier: stream("s")}, GroupName: "g",
			}}, grpc.Trailer(md))
			return err
		},
	}
	for _, who := range []string{"ops", "admin"} {
		for _, name := range []string{"create", "update", "replay", "restart", "delete"} {
			var trailers metadata.MD
			same(t, "nobody: "+name, calls[name](as(""), &trailers), trailers, codes.PermissionDenied, "access-denied")
			if err := calls[name](as(who), &trailers); err != nil {
				t.Errorf("%s: %s: %v", who, name, err)
			}
		}
	}
	var trailers metadata.MD
	if err := calls["create"](as("admin"), &trailers); err != nil {
		t.Fatal(err)
	}
	take := func(c context.Context) (metadata.MD, error) {
		reading, err := raw.Read(c)
		if err != nil {
			return nil, err
		}
		if err := reading.Send(readOptions("g")); err != nil {
			return nil, err
		}
		_, err = reading.Recv()
		return reading.Trailer(), err
	}
	trailers, err = take(as(""))
	same(t, "nobody reads", err, trailers, codes.PermissionDenied, "access-denied")
	for _, who := range []string{"", "ops"} {
		_, info := raw.GetInfo(as(who), &persistent.GetInfoReq{Options: &persistent.GetInfoReq_Options{
			StreamOption: &persistent.GetInfoReq_Options_StreamIdentifier{StreamIdentifier: stream("s")}, GroupName: "g",
		}})
		_, list := raw.List(as(who), &persistent.ListReq{Options: &persistent.ListReq_Options{ListOption: &persistent.ListReq_Options_ListAllSubscriptions{}}})
		want := codes.OK
		if who == "" {
			want = codes.PermissionDenied
		}
		if status.Code(info) != want || status.Code(list) != want {
			t.Errorf("%q asks about groups: %v, %v", who, info, list)
		}
	}
	if _, err := take(as("ops")); err != nil {
		t.Errorf("ops reads a user's stream: %v", err)
	}
	if _, err := n.Engine().Append(ctx(t), engine.Write{Stream: "$$s", Expected: engine.Any, Events: []engine.Proposed{
		{ID: [16]byte{1}, Type: "$metadata", JSON: true, Data: []byte(`{"$acl":{"$r":"$admins"}}`)},
	}}); err != nil {
		t.Fatal(err)
	}
	trailers, err = take(as("ops"))
	same(t, "ops reads what only administrators may", err, trailers, codes.PermissionDenied, "access-denied")
	if _, err := take(as("admin")); err != nil {
		t.Errorf("an administrator reads: %v", err)
	}
}
