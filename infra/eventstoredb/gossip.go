package eventstoredb

import (
	"context"
	"crypto/tls"
	"net"
	"slices"
	"strconv"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
)

// gossipers are connections to the nodes of a cluster, for gossip alone. Only
// the goroutine of a leaderWatch uses them.
type gossipers struct {
	options []grpc.DialOption
	conns   map[string]*grpc.ClientConn // by address
}

// newGossipers makes connections in the way that the library does.
func newGossipers(c esdb.Configuration) (*gossipers, error) {
	how := insecure.NewCredentials()
	if !c.DisableTLS {
		secure := &tls.Config{RootCAs: c.RootCAs, InsecureSkipVerify: c.SkipCertificateVerification, MinVersion: tls.VersionTLS12} //nolint:gosec // the connection string says so
		if c.UserCertFile != "" {
			pair, err := tls.LoadX509KeyPair(c.UserCertFile, c.UserKeyFile)
			if err != nil {
				return nil, err
			}
			secure.Certificates = []tls.Certificate{pair}
		}
		how = credentials.NewTLS(secure)
	}
	retry := backoff.DefaultConfig
	retry.BaseDelay, retry.MaxDelay = firstPause, pollTimeout // a node that is back is asked soon
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(how),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: retry, MinConnectTimeout: pollTimeout}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: keepAlive, Timeout: keepAlive}),
	}
	return &gossipers{options: options, conns: map[string]*grpc.ClientConn{}}, nil
}

// ask asks nodes for gossip, all at once, until enough says that no more is
// needed, all have answered or failed, or ctx is done.
func (g *gossipers) ask(ctx context.Context, addresses []string, enough func([]view) bool) (views []view) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g.keep(addresses)
	answers := make(chan *view, len(addresses))
	for _, address := range addresses {
		conn, err := g.conn(address)
		if err != nil {
			answers <- nil
			continue
		}
		go func() {
			info, err := gossip.NewGossipClient(conn).Read(ctx, &shared.Empty{})
			if err != nil {
				answers <- nil
				return
			}
			v := viewOf(info)
			answers <- &v
		}()
	}
	for range addresses { // each ends with ctx
		if v := <-answers; v != nil && len(v.members) > 0 {
			views = append(views, *v)
		}
		if enough(views) {
			cancel()
		}
	}
	return views
}

func (g *gossipers) conn(address string) (*grpc.ClientConn, error) {
	if conn := g.conns[address]; conn != nil {
		return conn, nil
	}
	conn, err := grpc.NewClient(address, g.options...)
	if err == nil {
		g.conns[address] = conn
	}
	return conn, err
}

// keep closes the connections to all but some nodes.
func (g *gossipers) keep(addresses []string) {
	for address, conn := range g.conns {
		if !slices.Contains(addresses, address) {
			_ = conn.Close() // it never fails
			delete(g.conns, address)
		}
	}
}

// viewOf leaves out the nodes that never lead.
func viewOf(info *gossip.ClusterInfo) (v view) {
	for _, m := range info.GetMembers() {
		address := net.JoinHostPort(m.GetHttpEndPoint().GetAddress(), strconv.FormatUint(uint64(m.GetHttpEndPoint().GetPort()), 10))
		switch m.GetState() { //nolint:exhaustive // all others may
		case gossip.MemberInfo_Manager, gossip.MemberInfo_ReadOnlyLeaderless, gossip.MemberInfo_PreReadOnlyReplica, gossip.MemberInfo_ReadOnlyReplica:
			continue
		case gossip.MemberInfo_Leader:
			if m.GetIsAlive() {
				v.leaders = append(v.leaders, address)
			}
		}
		if len(v.members) < maxMembers {
			v.members = append(v.members, address)
		}
	}
	return v
}

func addressOf(e esdb.EndPoint) string {
	return net.JoinHostPort(e.Host, strconv.FormatUint(uint64(e.Port), 10))
}
