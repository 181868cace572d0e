package esdbserver

import (
	"strings"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	"google.golang.org/grpc"

	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver/internal/engine"
)

// Cluster makes a node one of several in one process that serve one log. The
// node knows no election: its maker decides who leads, and what a node that
// does not lead answers. Package clustertest is the only maker there is.
type Cluster struct {
	// Engine is shared by the nodes, as the log's only writer. Its maker closes
	// it, after the nodes.
	Engine *engine.Engine
	// Members returns all nodes, as this one tells clients in gossip.
	Members func() []Member
	// Unary and Stream are around every call, once its caller is recognised.
	Unary  grpc.UnaryServerInterceptor
	Stream grpc.StreamServerInterceptor
}

// Member is a node as gossip tells it.
type Member struct {
	ID      eventlog.EventID
	Address string // host:port
	State   gossip.MemberInfo_VNodeState
	Alive   bool
}

// newEngine returns the engine of a node: its own, or that of its cluster.
func (o Options) newEngine() *engine.Engine {
	if o.Cluster != nil {
		return o.Cluster.Engine
	}
	return engine.New(o.Log, engine.Options{Clock: o.Clock, Logger: o.Logger, MaxAppendBytes: o.MaxAppendBytes, Removed: o.Hooks.Removed})
}

// unary returns the interceptors of a node in a cluster, none for a node alone.
func (c *Cluster) unary() []grpc.UnaryServerInterceptor {
	if c == nil {
		return nil
	}
	return []grpc.UnaryServerInterceptor{c.Unary}
}

// stream is unary for all other calls.
func (c *Cluster) stream() []grpc.StreamServerInterceptor {
	if c == nil {
		return nil
	}
	return []grpc.StreamServerInterceptor{c.Stream}
}

// closeEngine ends the subscriptions of a node alone. An engine that is shared
// goes on; the connections of the node end what it does.
func (s *Server) closeEngine() {
	if s.options.Cluster == nil {
		s.engine.Close()
	}
}

// members returns the nodes that gossip tells.
func (s *Server) members() []Member {
	if s.options.Cluster != nil {
		return s.options.Cluster.Members()
	}
	return []Member{{ID: s.id, Address: s.advertised(), State: gossip.MemberInfo_Leader, Alive: true}}
}

// state returns the node's own state, in lower case.
func (s *Server) state() string {
	for _, m := range s.members() {
		if m.Address == s.advertised() {
			return strings.ToLower(m.State.String())
		}
	}
	return strings.ToLower(gossip.MemberInfo_Unknown.String())
}

// StepDown ends the persistent subscriptions of a node that leads no more; the
// next request about them, once it leads again, reads what is stored. Another
// node may have changed it.
func (s *Server) StepDown() {
	p := s.persistent
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.opened != nil {
		p.opened.Close()
		p.opened = nil
	}
}
