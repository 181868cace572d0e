package node

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"

	"orderflow/domain"
	"orderflow/infra/httpapi"
)

// Listener is one port and the server behind it.
type Listener struct {
	socket net.Listener
	server *http.Server
}

// ListenOn takes a port, so that one in use is an error (a [PortError]) before anything is
// served; flag is the one that chooses the address.
func ListenOn(ctx context.Context, address string, h http.Handler, logger *slog.Logger, flag string) (*Listener, error) {
	server := httpapi.NewOpenServer(address, h, logger) // config.check says which addresses may be open
	var lc net.ListenConfig
	socket, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, domain.Wrap(domain.Unavailable, &PortError{err}, "Cannot listen on %s; choose another address with %s, where port 0 takes a free one", address, flag)
	}
	return &Listener{socket: socket, server: server}, nil
}

// PortError reports that an address could not be listened on.
type PortError struct{ Err error }

func (e *PortError) Error() string { return e.Err.Error() }

func (e *PortError) Unwrap() error { return e.Err }

// URL returns where the listener is, without a slash at the end; empty for nil.
func (l *Listener) URL() string {
	if l == nil {
		return ""
	}
	return "http://" + l.socket.Addr().String()
}

// Serve answers requests until Drain or Close.
func (l *Listener) Serve() error {
	if err := l.server.Serve(l.socket); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Drain answers the requests that are under way, for drainTimeout at most.
func (l *Listener) Drain(ctx context.Context) {
	if l == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	if l.server.Shutdown(ctx) != nil {
		_ = l.server.Close()
	}
}

// Close ends the listener and all its connections.
func (l *Listener) Close() error {
	_ = l.socket.Close() // closed before if it was served
	if err := l.server.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
