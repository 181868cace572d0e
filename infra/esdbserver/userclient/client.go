// Package userclient looks after the users of an EventStoreDB, or of a node of
// ours: both have the service Users and the rights of $all. The official Go
// client has no such service.
//
//	Add("orderflow", …)   a user of no group: may read and write ordinary streams
//	Grant("orderflow")    and read $all, which only $admins may by default
package userclient

import (
	"context"
	"io"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"orderflow/domain"
	"orderflow/infra/esdbserver/servers"
)

// callTimeout bounds one question to one server: a cluster that has just lost
// its leader does not answer for about this long.
const callTimeout = 10 * time.Second

// Client asks the servers of a connection string in turn until one answers.
// It is safe for concurrent use.
type Client struct {
	conns    []grpc.ClientConnInterface
	borrowed bool   // the connections belong to the caller
	name     string // where it leads, without secrets
	login    string
	password string
}

// Open returns a client that connects when it is first used. The connection
// string is that of EventStoreDB's clients, with the user who is to do the
// work; one that cannot be used is Invalid, and the error does not repeat it.
func Open(connection string) (*Client, error) {
	named, err := servers.Parse(connection)
	if err != nil {
		return nil, err
	}
	c := &Client{name: named.Name(), login: named.Login, password: named.Password}
	for _, address := range named.Addresses {
		conn, err := named.Dial(address)
		if err != nil {
			_ = c.Close()
			return nil, err
		}
		c.conns = append(c.conns, conn)
	}
	return c, nil
}

// On returns a client of one server behind a connection, which stays open when
// the client is closed.
func On(name string, conn grpc.ClientConnInterface) *Client {
	return &Client{name: name, conns: []grpc.ClientConnInterface{conn}, borrowed: true}
}

// Over returns a client of one server without TLS, of which the connections
// are made by dial.
func Over(name string, dial func(context.Context) (net.Conn, error)) (*Client, error) {
	conn, err := grpc.NewClient("passthrough:///server", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return dial(ctx) }))
	if err != nil {
		return nil, domain.Wrap(domain.Invalid, err, "The event store at %s cannot be asked", name)
	}
	return &Client{name: name, conns: []grpc.ClientConnInterface{conn}}, nil
}

// Close ends the connections.
func (c *Client) Close() error {
	for _, conn := range c.conns {
		if closer, ok := conn.(io.Closer); ok && !c.borrowed {
			_ = closer.Close() // it was only asked
		}
	}
	return nil
}

// Name returns the addresses of the servers, without secrets.
func (c *Client) Name() string { return c.name }

// ask does something on the first server that can be reached.
func (c *Client) ask(ctx context.Context, do func(context.Context, grpc.ClientConnInterface) error) (err error) {
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
