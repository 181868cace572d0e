package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"

	"orderflow/cmd/orderflow/internal/node"
	"orderflow/cmd/orderflow/internal/terminal"
	"orderflow/domain"
	"orderflow/infra/esdbserver"
	"orderflow/infra/esdbserver/userclient"
	"orderflow/infra/pebblelog"
)

// userPassword is the variable with the password of the user that is made or changed.
const userPassword = "ORDERFLOW_EVENTSTORE_USER_PASSWORD" //nolint:gosec // a name, and no password

// maxPasswordLine bounds what is read from standard input, in bytes.
const maxPasswordLine = 4 << 10

// newPassword takes a password from the environment or the first line of
// standard input: on a command line everybody could read it.
func newPassword(s terminal.Streams) (string, error) {
	if password := os.Getenv(userPassword); password != "" {
		return password, nil
	}
	if terminal.IsTerminal(os.Stdin) {
		fmt.Fprintf(s.Err, "The new password, which is shown as you type (or set %s): ", userPassword)
	}
	line, err := bufio.NewReader(io.LimitReader(os.Stdin, maxPasswordLine)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", domain.Wrap(domain.Invalid, err, "The password cannot be read from standard input")
	}
	if line = strings.TrimRight(line, "\r\n"); line == "" {
		return "", domain.Errorf(domain.Invalid, "There is no password: set %s, or write it to standard input.", userPassword)
	}
	return line, nil
}

// usersOf returns the users of a data directory: those of a node in this
// process that no other can reach. end closes it.
func usersOf(ctx context.Context, data string, logger *slog.Logger) (c *userclient.Client, end func() error, err error) {
	conf := node.Config{Data: data}
	if err := conf.Exists(); err != nil {
		return nil, nil, err
	}
	log, err := node.OpenLogWith(conf, pebblelog.Options{Logger: logger, IndexIDs: true})
	if err != nil {
		return nil, nil, err
	}
	if err := servedBefore(ctx, log, data); err != nil {
		return nil, nil, errors.Join(err, log.Close())
	}
	node, err := esdbserver.New(ctx, esdbserver.Options{Log: log, Insecure: true, Logger: logger})
	if err != nil {
		return nil, nil, errors.Join(err, log.Close())
	}
	inside := newInside()
	served := make(chan error, 1)
	go func() { served <- node.Serve(inside) }()
	end = func() error { return errors.Join(node.Close(), <-served, log.Close()) }
	if c, err = userclient.Over(data, inside.dial); err != nil {
		return nil, nil, errors.Join(err, end())
	}
	return c, end, nil
}

// servedBefore refuses a log without users. A node of ours would make them,
// with a password that everybody knows.
func servedBefore(ctx context.Context, log *pebblelog.Log, data string) error {
	for _, err := range log.Read(ctx, "$users", 0) {
		return err
	}
	return domain.Errorf(domain.NotFound, "There are no users in %s, for no node has served it yet: start one with `orderflow eventstore --data %s`, with the password of its administrators in ORDERFLOW_EVENTSTORE_PASSWORD.", data, data)
}

// inside is a listener that only this process can reach.
type inside struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newInside() *inside {
	return &inside{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *inside) dial(ctx context.Context) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case l.conns <- theirs:
		return ours, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept implements net.Listener.
func (l *inside) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *inside) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr implements net.Listener.
func (*inside) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }
