// Package userclient looks after the users of an EventStoreDB, or of a node of
// ours: both have the service Users and the rights of $all. The official Go
// client has no such service.
//
//	Add("orderflow", …)   a user of no group: may read and write ordinary streams
//	Grant("orderflow")    and read $all, which only $admins may by default
package userclient

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"net"
	"strings"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"orderflow/domain"
)

// callTimeout bounds one question to one server: a cluster that has just lost
// its leader does not answer for about this long.
const callTimeout = 10 * time.Second

// Client asks the servers of a connection string in turn until one answers.
// It is safe for concurrent use.
type Client struct {
	conns    []*grpc.ClientConn
	name     string // where it leads, without secrets
	login    string
	password string
}

// Open returns a client that connects when it is first used. The connection
// string is that of EventStoreDB's clients, with the user who is to do the
// work; one that cannot be used is Invalid, and the error does not repeat it.
func Open(connection string) (*Client, error) {
	config, err := esdb.ParseConnectionString(connection)
	if err == nil {
		err = config.Validate()
	}
	if err != nil { // it may hold the password
		return nil, domain.Errorf(domain.Invalid, "The connection string cannot be used. Write it as esdb://admin:password@host:2113?tls=true, "+
			"with %%-escapes for signs other than letters and digits in the password; a file of tlsCaFile has to be readable.")
	}
	how := insecure.NewCredentials()
	if !config.DisableTLS {
		secure := &tls.Config{RootCAs: config.RootCAs, InsecureSkipVerify: config.SkipCertificateVerification, MinVersion: tls.VersionTLS12} //nolint:gosec // the string says so
		if config.UserCertFile != "" {
			pair, err := tls.LoadX509KeyPair(config.UserCertFile, config.UserKeyFile)
			if err != nil {
				return nil, domain.Wrap(domain.Invalid, err, "The certificate of userCertFile and userKeyFile cannot be read")
			}
			secure.Certificates = []tls.Certificate{pair}
		}
		how = credentials.NewTLS(secure)
	}
	hosts := []string{config.Address}
	if len(config.GossipSeeds) > 0 {
		hosts = nil
		for _, seed := range config.GossipSeeds {
			hosts = append(hosts, seed.String())
		}
	}
	c := &Client{name: strings.Join(hosts, ","), login: config.Username, password: config.Password}
	options := []grpc.DialOption{grpc.WithTransportCredentials(how)}
	if config.Username != "" && !config.DisableTLS { // never in the clear
		options = append(options, grpc.WithPerRPCCredentials(basic(config.Username+":"+config.Password)))
	}
	for _, host := range hosts {
		if err := c.dial(host, options...); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Over returns a client of one server without TLS, of which the connections
// are made by dial.
func Over(name string, dial func(context.Context) (net.Conn, error)) (*Client, error) {
	c := &Client{name: name}
	return c, c.dial("passthrough:///server", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return dial(ctx) }))
}

func (c *Client) dial(target string, o ...grpc.DialOption) error {
	conn, err := grpc.NewClient(target, o...)
	if err != nil {
		_ = c.Close()
		return domain.Wrap(domain.Invalid, err, "The event store at %s cannot be asked", target)
	}
	c.conns = append(c.conns, conn)
	return nil
}

// Close ends the connections.
func (c *Client) Close() error {
	for _, conn := range c.conns {
		_ = conn.Close() // it was only asked
	}
	return nil
}

// Name says whom the client asks, without secrets.
func (c *Client) Name() string { return c.name }

// ask does something on the first server that can be reached.
func (c *Client) ask(ctx context.Context, do func(context.Context, *grpc.ClientConn) error) (err error) {
	for _, conn := range c.conns {
		attempt, cancel := context.WithTimeout(ctx, callTimeout)
		err = do(attempt, conn)
		cancel()
		if status.Code(err) != codes.Unavailable || ctx.Err() != nil {
			break
		}
	}
	return c.failure(ctx, err)
}

// basic sends a login and a password with every call, over TLS only.
type basic string

// GetRequestMetadata implements credentials.PerRPCCredentials.
func (b basic) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte(b))}, nil
}

// RequireTransportSecurity implements credentials.PerRPCCredentials.
func (basic) RequireTransportSecurity() bool { return true }
