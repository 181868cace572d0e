package esdbserver

import (
	"context"
	"net"
	"strconv"
	"strings"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/serverfeatures"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"google.golang.org/grpc"

	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver/operationspb"
	"orderflow/infra/esdbserver/userspb"
)

// featuresService tells clients what the node can do.
type featuresService struct {
	serverfeatures.UnimplementedServerFeaturesServer
	*Server
}

// feature is a method and what it can do beyond its first version.
type feature struct {
	method  string
	options []string
}

// The names are in lower case: the Go client takes others for an old server.
const (
	streamsName    = "event_store.client.streams.Streams"
	persistentName = "event_store.client.persistent_subscriptions.PersistentSubscriptions"
	gossipName     = "event_store.client.gossip.Gossip"
	featuresName   = "event_store.client.server_features.ServerFeatures"
	usersName      = "event_store.client.users.Users"
	operationsName = "event_store.client.operations.Operations"
)

func features(service string) []feature {
	both := []string{"stream", "all"}
	switch service {
	case streamsName:
		return []feature{
			{"read", []string{"position", "events"}},
			{"append", nil},
			{"delete", nil},
			{"tombstone", nil},
			{"batchappend", []string{"deadline_duration"}},
		}
	case persistentName:
		return []feature{
			{"create", both},
			{"update", both},
			{"delete", both},
			{"read", both},
			{"getinfo", both},
			{"replayparked", both},
			{"list", both},
			{"restartsubsystem", nil},
		}
	case usersName:
		return methods(userspb.Users_ServiceDesc)
	case operationsName:
		return methods(operationspb.Operations_ServiceDesc)
	case gossipName:
		return []feature{{"read", nil}}
	case featuresName:
		return []feature{{"getsupportedmethods", nil}}
	}
	return nil
}

// methods returns all methods of a service, of their first version.
func methods(of grpc.ServiceDesc) (all []feature) {
	for _, m := range of.Methods {
		all = append(all, feature{method: strings.ToLower(m.MethodName)})
	}
	for _, m := range of.Streams {
		all = append(all, feature{method: strings.ToLower(m.StreamName)})
	}
	return all
}

// GetSupportedMethods implements the service: what is registered is supported.
func (s *featuresService) GetSupportedMethods(context.Context, *shared.Empty) (*serverfeatures.SupportedMethods, error) {
	answer := &serverfeatures.SupportedMethods{EventStoreServerVersion: Version}
	for service := range s.grpc.GetServiceInfo() {
		for _, f := range features(service) {
			answer.Methods = append(answer.Methods, &serverfeatures.SupportedMethod{
				ServiceName: strings.ToLower(service), MethodName: f.method, Features: f.options,
			})
		}
	}
	return answer, nil
}

// gossipService tells clients which nodes there are; one alone leads.
type gossipService struct {
	gossip.UnimplementedGossipServer
	*Server
}

// Read implements the service.
func (s *gossipService) Read(context.Context, *shared.Empty) (*gossip.ClusterInfo, error) {
	info := &gossip.ClusterInfo{}
	for _, m := range s.members() {
		host, port, err := m.endpoint()
		if err != nil {
			return nil, s.failedBelow(err)
		}
		info.Members = append(info.Members, &gossip.MemberInfo{
			InstanceId: structured(m.ID), TimeStamp: ticks(s.options.Clock()),
			State: m.State, IsAlive: m.Alive,
			HttpEndPoint: &gossip.EndPoint{Address: host, Port: port},
		})
	}
	return info, nil
}

// endpoint returns the address that clients are told, in parts.
func (m Member) endpoint() (host string, port uint32, err error) {
	host, text, err := net.SplitHostPort(m.Address)
	if err != nil {
		return "", 0, err
	}
	n, err := strconv.ParseUint(text, 10, 16)
	return host, uint32(n), err
}

// identity returns the id of the node, which stays the same over restarts: that of
// the first event it ever wrote.
func (s *Server) identity(ctx context.Context) (eventlog.EventID, error) {
	for r, err := range s.options.Log.ReadAll(ctx, 0) {
		return r.ID, err
	}
	return eventlog.NewEventID("node", "", 0), nil
}
