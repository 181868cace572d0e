package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"

	"orderflow/domain"
	"orderflow/infra/httpapi"
)

// listener is one port and the server behind it.
type listener struct {
	socket net.Listener
	server *http.Server
}

func listenOn(ctx context.Context, address string, h http.Handler, logger *slog.Logger, flag string) (*listener, error) {
	server := httpapi.NewOpenServer(address, h, logger) // config.check says which addresses may be open
	var lc net.ListenConfig
	socket, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, domain.Wrap(domain.Unavailable, &portError{err}, "Cannot listen on %s; choose another address with %s, where port 0 takes a free one", address, flag)
	}
	return &listener{socket: socket, server: server}, nil
}

// portError says that an address could not be listened on.
type portError struct{ error }

func (e *portError) Unwrap() error { return e.error }

func (l *listener) url() string {
	if l == nil {
		return ""
	}
	return "http://" + l.socket.Addr().String()
}

func (l *listener) serve() error {
	if err := l.server.Serve(l.socket); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// drain answers the requests that are under way, for drainTimeout at most.
func (l *listener) drain(ctx context.Context) {
	if l == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	if l.server.Shutdown(ctx) != nil {
		_ = l.server.Close()
	}
}

func (l *listener) close() error {
	_ = l.socket.Close() // closed before if it was served
	if err := l.server.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
