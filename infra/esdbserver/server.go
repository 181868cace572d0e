package esdbserver

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/serverfeatures"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver/internal/engine"
	"orderflow/infra/esdbserver/operationspb"
	"orderflow/infra/esdbserver/userspb"
)

// Version is the version that the node reports, in the form that clients parse.
const Version = "24.10.0"

// Limits of a node.
const (
	// maxMessageBytes bounds one message from a client, as EventStoreDB does.
	maxMessageBytes = 16<<20 - 10_000
	// minPing is how often a client may ask whether the node is there: clients
	// of EventStoreDB ask every 10 s, those of tests much more often.
	minPing = 10 * time.Millisecond
	// maxStreamsPerConnection bounds the calls of one client at a time.
	maxStreamsPerConnection = 4_096
	// streamWorkers answer calls without a new goroutine and its growing stack
	// for each; when all are busy, as with subscribers, there are new ones.
	streamWorkers = 128
	// drainTimeout bounds how long Close waits for calls under way.
	drainTimeout = 5 * time.Second
)

// Log is the event log a node serves; see [engine.Log] for what it asks of positions.
type Log = engine.Log

// MaxAppendTotalBytes is the most that a node can be told to take in one append.
const MaxAppendTotalBytes = engine.MaxAppendTotalBytes

// Options of a node. Log is required, and one of Certificate and Insecure.
type Options struct {
	// Log stores all events; the node is its only writer.
	Log Log
	// Certificate is the TLS certificate; nil serves without TLS.
	Certificate *tls.Certificate
	// Insecure disables authentication and authorisation.
	Insecure bool
	// FirstPassword is that of the users admin and ops, who are made at the
	// first start; empty is "changeit", as EventStoreDB has it.
	FirstPassword string
	// Advertise is the address that gossip tells clients, host:port; empty is
	// the address of the listener.
	Advertise string
	// ScavengeProgress is how often the progress of a scavenge is stored; 0 is 5 s.
	ScavengeProgress time.Duration
	// Clock says what is older than $maxAge; nil is the machine's clock.
	Clock func() time.Time
	// MaxAppendBytes of data are taken in one append; 0 is 1 MiB. The most is
	// [MaxAppendTotalBytes], which metadata and types count towards too.
	MaxAppendBytes int
	// Positions says what clients see of the positions of the log; nil is
	// [Spread]. It stays what it was: clients save positions.
	Positions Positions
	// Logger gets messages for the operator; nil discards them.
	Logger *slog.Logger
	// Hooks are called on what happens, for metrics.
	Hooks Hooks
	// Cluster makes the node one of several; nil is a node alone.
	Cluster *Cluster
}

// Server is one node.
// See docs/adr/005.
type Server struct {
	options Options
	logger  *slog.Logger
	engine  *engine.Engine
	grpc    *grpc.Server
	http    *http.Server
	mux     *protocolMux
	id      eventlog.EventID // of the node, for gossip
	started time.Time
	users   *users

	priority atomic.Int32 // what a client said of the node; see SetNodePriority

	defaults   defaults
	persistent *persistentService
	scavenges  *scavenges

	mu      sync.Mutex
	address string // of the listener
	serving bool
	closed  chan struct{}
	once    sync.Once
}

// New makes a node and writes what a new one begins with. The error's kind is
// Invalid if the options make no sense, else that of the log.
func New(ctx context.Context, o Options) (*Server, error) {
	switch {
	case o.Log == nil:
		return nil, domain.Errorf(domain.Invalid, "A node needs a log.")
	case o.MaxAppendBytes < 0 || o.MaxAppendBytes > MaxAppendTotalBytes:
		return nil, domain.Errorf(domain.Invalid, "A node takes appends of 1 to %d bytes, not %d.", MaxAppendTotalBytes, o.MaxAppendBytes)
	case o.Certificate == nil && !o.Insecure:
		return nil, domain.Errorf(domain.Invalid, "A node needs a certificate, or has to be told that it is insecure.")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Positions == nil {
		o.Positions = Spread{}
	}
	if o.FirstPassword == "" {
		o.FirstPassword = firstPassword
	}
	s := &Server{
		options: o, logger: o.Logger, started: o.Clock(), closed: make(chan struct{}),
		engine: o.newEngine(),
	}
	s.users, s.scavenges = newUsers(s.engine), &scavenges{Server: s}
	if err := s.users.begin(ctx, o.FirstPassword); err != nil {
		return nil, err
	}
	var err error
	if s.id, err = s.identity(ctx); err != nil {
		return nil, err
	}
	if o.Cluster == nil { // else another node may be about it
		s.scavenges.recover(ctx)
	}
	s.grpc = grpc.NewServer(
		grpc.MaxRecvMsgSize(maxMessageBytes),
		grpc.MaxConcurrentStreams(maxStreamsPerConnection),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: minPing, PermitWithoutStream: true}),
		grpc.NumStreamWorkers(streamWorkers),
		grpc.WaitForHandlers(true),
		grpc.UnaryInterceptor(s.unary),
		grpc.StreamInterceptor(s.stream),
		grpc.ChainUnaryInterceptor(o.Cluster.unary()...),
		grpc.ChainStreamInterceptor(o.Cluster.stream()...),
	)
	streams.RegisterStreamsServer(s.grpc, &streamsService{Server: s})
	gossip.RegisterGossipServer(s.grpc, &gossipService{Server: s})
	serverfeatures.RegisterServerFeaturesServer(s.grpc, &featuresService{Server: s})
	s.registerPersistent(s.grpc)
	userspb.RegisterUsersServer(s.grpc, &usersService{Server: s})
	operationspb.RegisterOperationsServer(s.grpc, &operationsService{Server: s})
	s.http = s.newHTTP()
	s.mux = newProtocolMux(s.tls())
	return s, nil
}

// tls returns the TLS configuration, nil without a certificate.
func (s *Server) tls() *tls.Config {
	if s.options.Certificate == nil {
		return nil
	}
	return &tls.Config{
		Certificates: []tls.Certificate{*s.options.Certificate},
		// A client that speaks both is a browser or curl, not gRPC: it wants HTTP.
		NextProtos: []string{protocolHTTP1, protocolHTTP2},
		MinVersion: tls.VersionTLS12,
	}
}

// Serve answers clients of l until Close, or until a client ends the node, and
// then returns nil. It is called once.
func (s *Server) Serve(l net.Listener) error {
	s.mu.Lock()
	if s.serving {
		s.mu.Unlock()
		return errors.New("esdbserver: Serve was called twice")
	}
	s.serving, s.address = true, l.Addr().String()
	s.mu.Unlock()
	var wg sync.WaitGroup
	var errs [2]error
	wg.Go(func() { errs[0] = s.grpc.Serve(s.mux.rpc) })
	wg.Go(func() { errs[1] = s.http.Serve(s.mux.web) })
	err := s.mux.serve(l)
	wg.Wait()
	select {
	case <-s.closed:
		return nil
	default:
		return errors.Join(err, errs[0], errs[1])
	}
}

// Close ends a scavenge and all subscriptions, lets calls under way end for a few seconds, and
// closes all connections. The log stays open.
func (s *Server) Close() error {
	s.once.Do(func() {
		close(s.closed)
		s.scavenges.close()
		s.closePersistent()
		s.closeEngine()
		s.mux.close()
		drained := make(chan struct{})
		go func() {
			defer close(drained)
			s.grpc.GracefulStop()
		}()
		limit := time.NewTimer(drainTimeout)
		defer limit.Stop()
		select {
		case <-drained:
		case <-limit.C:
			s.grpc.Stop()
			<-drained
		}
		_ = s.http.Close() // its answers are short
	})
	return nil
}

// Engine returns the engine of the node, for callers in the same process.
func (s *Server) Engine() *engine.Engine { return s.engine }

// advertised returns the address that clients are told.
func (s *Server) advertised() string {
	if s.options.Advertise != "" {
		return s.options.Advertise
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.address
}
