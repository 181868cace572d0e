package fitness_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/serverfeatures"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver"
	"orderflow/infra/esdbserver/clustertest"
	"orderflow/infra/esdbserver/fitness"
	"orderflow/infra/memory"
)

func dial(t *testing.T, address string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// look starts a node, has the caller change how it is looked at, and returns
// the findings by subject.
func look(t *testing.T, o esdbserver.Options, change func(*fitness.Server)) map[string]fitness.Finding {
	t.Helper()
	log := memory.NewDense()
	o.Log, o.Insecure = log, true
	node, err := esdbserver.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- node.Serve(listener) }()
	t.Cleanup(func() {
		if err := errors.Join(node.Close(), <-served); err != nil {
			t.Error(err)
		}
	})
	s := fitness.Server{Conn: dial(t, listener.Addr().String()), Stream: "orderflowcheck-1", Categories: []string{"order", "stock"}}
	change(&s)
	found := map[string]fitness.Finding{}
	for _, f := range s.Look(t.Context()) {
		found[f.Subject] = f
	}
	for r, err := range log.ReadAll(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains([]string{"order", "stock"}, eventlog.Stream(r.Stream).Category()) {
			t.Errorf("an event was stored in %s", r.Stream)
		}
	}
	return found
}

func want(t *testing.T, f fitness.Finding, state fitness.State, text string) {
	t.Helper()
	if f.State != state || !strings.Contains(f.Text, text) {
		t.Errorf("%+v; want %s and %q", f, state, text)
	}
}

// faulty is a connection on which some calls fail, and expected revisions are lost.
type faulty struct {
	grpc.ClientConnInterface
	all     error // of reads of $all
	orders  error // of appends to order-…
	deletes error
	lost    bool // of expected revisions
}

func (c faulty) Invoke(ctx context.Context, method string, args, reply any, o ...grpc.CallOption) error {
	if _, isDelete := args.(*streams.DeleteReq); isDelete && c.deletes != nil {
		return c.deletes
	}
	return c.ClientConnInterface.Invoke(ctx, method, args, reply, o...)
}

func (c faulty) NewStream(ctx context.Context, d *grpc.StreamDesc, method string, o ...grpc.CallOption) (grpc.ClientStream, error) {
	s, err := c.ClientConnInterface.NewStream(ctx, d, method, o...)
	return &faultyStream{ClientStream: s, conn: c}, err
}

type faultyStream struct {
	grpc.ClientStream
	conn   faulty
	failed error
}

func (s *faultyStream) SendMsg(m any) error {
	switch r := m.(type) {
	case *streams.ReadReq:
		if r.GetOptions().GetAll() != nil {
			s.failed = s.conn.all
		}
	case *streams.AppendReq:
		if o := r.GetOptions(); o != nil {
			if strings.HasPrefix(string(o.GetStreamIdentifier().GetStreamName()), "order-") {
				s.failed = s.conn.orders
			}
			if s.conn.lost {
				o.ExpectedStreamRevision = &streams.AppendReq_Options_Any{Any: &shared.Empty{}}
			}
		}
	}
	return s.ClientStream.SendMsg(m)
}

func (s *faultyStream) RecvMsg(m any) error {
	if s.failed != nil {
		return s.failed
	}
	return s.ClientStream.RecvMsg(m)
}

func denied() error { return status.Error(codes.PermissionDenied, "Access Denied") }

func TestOneThatFits(t *testing.T) {
	found := look(t, esdbserver.Options{}, func(*fitness.Server) {})
	for subject, f := range found {
		if f.State != fitness.Fits {
			t.Errorf("%s: %+v", subject, f)
		}
	}
	for _, subject := range []string{"read $all", "append", "append to orders", "largest append", "clock", "projections", "delete"} {
		if found[subject].Text == "" {
			t.Errorf("nothing is said about %s", subject)
		}
	}
}

func TestWhatIsMissing(t *testing.T) {
	for name, c := range map[string]struct {
		options esdbserver.Options
		change  func(*fitness.Server)
		subject string
		state   fitness.State
		text    string
	}{
		"appends are small":  {esdbserver.Options{MaxAppendBytes: 5000}, func(*fitness.Server) {}, "largest append", fitness.Lacks, "takes 5000 bytes"},
		"appends are large":  {esdbserver.Options{MaxAppendBytes: 4 << 20}, func(*fitness.Server) {}, "largest append", fitness.Fits, "the limit is 4194304 bytes"},
		"our clock is late":  {esdbserver.Options{}, func(s *fitness.Server) { s.Now = func() time.Time { return time.Now().Add(-time.Hour) } }, "clock", fitness.Warns, "differs from this machine's by 1h0m0s"},
		"our clock is early": {esdbserver.Options{}, func(s *fitness.Server) { s.Now = func() time.Time { return time.Now().Add(time.Hour) } }, "clock", fitness.Warns, "differs"},
		"no right to $all": {esdbserver.Options{}, func(s *fitness.Server) {
			s.Login, s.Conn = "ada", faulty{ClientConnInterface: s.Conn, all: denied()}
		}, "read $all", fitness.Lacks, "ada may not read $all, which orderflow follows; an administrator gives the right with `orderflow eventstore user grant ada`"},
		"wrong password": {esdbserver.Options{}, func(s *fitness.Server) {
			s.Login, s.Conn = "ada", faulty{ClientConnInterface: s.Conn, all: status.Error(codes.Unauthenticated, "")}
		}, "user", fitness.Lacks, "refuses the user or password of the connection string (ada): there is no such user, it is disabled, or its password is another. An administrator sees which with `orderflow eventstore user list`, and mends it with `orderflow eventstore user add ada --reads-all`"},
		"no login": {esdbserver.Options{}, func(s *fitness.Server) {
			s.Conn = faulty{ClientConnInterface: s.Conn, all: denied()}
		}, "user", fitness.Lacks, "the connection string names none"},
		"no login, and no delete": {esdbserver.Options{}, func(s *fitness.Server) {
			s.Conn = faulty{ClientConnInterface: s.Conn, all: denied(), deletes: denied()}
		}, "delete", fitness.Unknown, "does not let it in"},
		"no right to delete": {esdbserver.Options{}, func(s *fitness.Server) {
			s.Login, s.Conn = "ada", faulty{ClientConnInterface: s.Conn, deletes: denied()}
		}, "delete", fitness.Fits, "may not delete streams"},
		"$all breaks": {esdbserver.Options{}, func(s *fitness.Server) {
			s.Conn = faulty{ClientConnInterface: s.Conn, all: status.Error(codes.Unknown, "thrown")}
		}, "read $all", fitness.Unknown, "thrown"},
		"no right to orders":        {esdbserver.Options{}, func(s *fitness.Server) { s.Conn = faulty{ClientConnInterface: s.Conn, orders: denied()} }, "append to orders", fitness.Lacks, "begin with order-;"},
		"expectations do not count": {esdbserver.Options{}, func(s *fitness.Server) { s.Conn = faulty{ClientConnInterface: s.Conn, lost: true} }, "expected revision", fitness.Lacks, "must exist"},
		"projections":               {esdbserver.Options{}, func(s *fitness.Server) { s.Stream = "$ce-orderflowcheck" }, "projections", fitness.Fits, "Projections run ($ce-"},
	} {
		t.Run(name, func(t *testing.T) { want(t, look(t, c.options, c.change)[c.subject], c.state, c.text) })
	}
}

func TestVersions(t *testing.T) {
	for text, w := range map[string]fitness.State{
		"22.5.9": fitness.Lacks, "5.0.11": fitness.Lacks, "22.6.0": fitness.Warns, "22.10.3": fitness.Warns, "23.6.0": fitness.Warns,
		"23.10.0": fitness.Fits, "24.2.0.1-lts": fitness.Fits, "25.0": fitness.Fits, "": fitness.Unknown, "x.y": fitness.Unknown,
	} {
		server := grpc.NewServer()
		serverfeatures.RegisterServerFeaturesServer(server, says{version: text})
		got, f, err := fitness.Version(t.Context(), dial(t, start(t, server)))
		if err != nil || got != text || f.State != w {
			t.Errorf("%q: %q, %+v, %v; want %s", text, got, f, err, w)
		}
	}
	_, f, err := fitness.Version(t.Context(), dial(t, start(t, grpc.NewServer())))
	if err != nil || f.State != fitness.Lacks {
		t.Errorf("a server without the service: %+v, %v", f, err)
	}
}

type says struct {
	serverfeatures.UnimplementedServerFeaturesServer
	version string
}

func (s says) GetSupportedMethods(context.Context, *shared.Empty) (*serverfeatures.SupportedMethods, error) {
	return &serverfeatures.SupportedMethods{EventStoreServerVersion: s.version}, nil
}

func start(t *testing.T, server *grpc.Server) string {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		<-served
	})
	return listener.Addr().String()
}

// TestLeader asks the leader, a follower, and a node of a cluster without a leader.
func TestLeader(t *testing.T) {
	c := clustertest.New(t, memory.NewDense(), clustertest.Options{})
	asked := func(i int) (string, fitness.Finding, error) {
		return fitness.Server{Conn: dial(t, c.Address(i)), Stream: "orderflowcheck-1"}.Leader(t.Context(), c.Address(i))
	}
	at, f, err := asked(0)
	if err != nil || at != c.Address(0) {
		t.Errorf("%s, %v", at, err)
	}
	want(t, f, fitness.Fits, "leads 3 servers")
	at, f, err = asked(1)
	if err != nil || at != c.Address(0) {
		t.Errorf("%s, %v", at, err)
	}
	want(t, f, fitness.Warns, c.Address(1)+" is not the leader; that is "+c.Address(0))
	c.LoseQuorum()
	if at, _, err := asked(1); domain.KindOf(err) != domain.Unavailable {
		t.Errorf("without a leader: %s, %v", at, err)
	}
}
