package fitness

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/serverfeatures"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"orderflow/domain"
)

// version is a release of EventStoreDB, year and month.
type version struct{ major, minor int }

// The versions that matter: from where positions of events are told, and from
// where subscriptions are told that they have caught up.
func oldest() version    { return version{22, 6} }
func catchesUp() version { return version{23, 10} }

func (v version) before(o version) bool {
	return v.major < o.major || v.major == o.major && v.minor < o.minor
}

func (v version) String() string { return fmt.Sprintf("%d.%d", v.major, v.minor) }

// Version asks a server for its version. A server that cannot be reached, or
// does not answer, is Unavailable; that is the only error.
func Version(ctx context.Context, conn grpc.ClientConnInterface) (text string, f Finding, err error) {
	const subject = "version"
	ctx, cancel := context.WithTimeout(ctx, CallTimeout)
	defer cancel()
	m, err := serverfeatures.NewServerFeaturesClient(conn).GetSupportedMethods(ctx, &shared.Empty{})
	switch code := status.Code(err); code {
	case codes.OK:
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled:
		return "", f, domain.Wrap(domain.Unavailable, errors.New(said{err: err}.words()), "The event store cannot be reached")
	case codes.Unimplemented:
		return "", Finding{subject, Lacks, fmt.Sprintf("The server does not say which version it is, so it is older than 21.6; orderflow needs %v.", oldest())}, nil
	default:
		return "", Finding{subject, Unknown, fmt.Sprintf("The server does not say which version it is (%s).", said{err: err}.words())}, nil
	}
	text = m.GetEventStoreServerVersion()
	return text, assess(text), nil
}

// assess returns what a version means for orderflow.
func assess(text string) Finding {
	const subject = "version"
	v, ok := parse(text)
	switch {
	case !ok:
		return Finding{subject, Unknown, fmt.Sprintf("The server says that it is version %.40q, which is none.", text)}
	case v.before(oldest()):
		return Finding{subject, Lacks, fmt.Sprintf("The version is %s; orderflow needs %v or later: before, a read of a stream does not tell the positions of events.", text, oldest())}
	case v.before(catchesUp()):
		return Finding{subject, Warns, fmt.Sprintf("The version is %s; before %v a subscription is not told that it has caught up (no watermarks), so every event of the server is sent to orderflow, and the views and the sagas learn of the end of the log only with its last event.", text, catchesUp())}
	}
	return Finding{subject, Fits, fmt.Sprintf("The version is %s.", text)}
}

func parse(text string) (v version, ok bool) {
	major, rest, _ := strings.Cut(text, ".")
	minor, _, _ := strings.Cut(rest, ".")
	var err, e error
	v.major, err = strconv.Atoi(major)
	v.minor, e = strconv.Atoi(minor)
	return v, err == nil && e == nil
}

// Leader reports whether the server at address leads, and else where the leader
// is. No leader is Unavailable: there may be one in a while. What cannot read
// streams is Internal: it is no EventStoreDB, or one that is broken.
func (s Server) Leader(ctx context.Context, address string) (leader string, f Finding, err error) {
	const subject = "leader"
	o := newestOf(s.Stream)
	_, a := s.read(metadata.AppendToOutgoingContext(ctx, "requires-leader", "true"), o)
	members, known := s.members(ctx)
	switch {
	case a.trailer("exception") == "not-leader":
		leader = net.JoinHostPort(a.trailer("leader-endpoint-host"), a.trailer("leader-endpoint-port"))
		if a.trailer("leader-endpoint-host") == "" {
			leader = known
		}
		if leader == "" {
			return "", f, domain.Errorf(domain.Unavailable, "%s is not the leader, and does not know which server is; repeat it when the cluster has one.", address)
		}
		return leader, Finding{subject, Warns, fmt.Sprintf("%s is not the leader; that is %s, where all else is asked. orderflow goes there too: name all servers of the cluster in the connection string.", address, leader)}, nil
	case a.code() == codes.DeadlineExceeded || a.code() == codes.Unavailable:
		return "", f, domain.Errorf(domain.Unavailable, "%s answers no reads that ask for the leader (%s): the cluster has none now, or the server hangs. Repeat it later.", address, a.words())
	case !a.ofStreams():
		return "", f, domain.Errorf(domain.Internal, "%s does not read streams (%s): it is no EventStoreDB, or only half of one answers. Look whether the address is right, and what stands in the server's log.", address, a.words())
	case members > 1:
		return address, Finding{subject, Fits, fmt.Sprintf("%s leads %d servers.", address, members)}, nil
	case members == 1:
		return address, Finding{subject, Fits, fmt.Sprintf("%s is alone, and leads.", address)}, nil
	}
	return address, Finding{subject, Warns, fmt.Sprintf("%s leads; it does not tell which other servers there are.", address)}, nil
}

// members asks for all servers of the cluster that are alive, and the one that leads.
func (s Server) members(ctx context.Context) (alive int, leader string) {
	ctx, cancel := context.WithTimeout(ctx, CallTimeout)
	defer cancel()
	info, err := gossip.NewGossipClient(s.Conn).Read(ctx, &shared.Empty{})
	if err != nil {
		return 0, ""
	}
	for _, m := range info.GetMembers() {
		if !m.GetIsAlive() {
			continue
		}
		alive++
		if e := m.GetHttpEndPoint(); m.GetState() == gossip.MemberInfo_Leader {
			leader = net.JoinHostPort(e.GetAddress(), strconv.FormatUint(uint64(e.GetPort()), 10))
		}
	}
	return alive, leader
}
