package remote

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"

	"orderflow/domain"
	"orderflow/infra/simulator"
)

// Serve serves sim on socket until ctx ends, and then closes both: calls under way get
// their reply, those that hang lose their connection, and later ones are Unavailable.
func Serve(ctx context.Context, socket net.Listener, sim *simulator.Simulator, secret string, logger *slog.Logger) error {
	if err := CheckSecret(secret); err != nil {
		return errors.Join(err, socket.Close(), sim.Close())
	}
	server := &http.Server{
		Handler:           Handler(sim, secret),
		ReadHeaderTimeout: ReadTimeout, IdleTimeout: IdleTimeout, MaxHeaderBytes: MaxHeaderBytes,
		ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(socket) }()
	select {
	case err := <-served:
		return errors.Join(domain.Wrap(domain.Unavailable, err, "The simulator cannot listen any longer"), server.Close(), sim.Close())
	case <-ctx.Done():
	}
	drained := make(chan error, 1)
	go func() { drained <- drain(ctx, server) }()
	err := sim.Close() // lets go of what hangs, which drain waits for
	err = errors.Join(err, <-drained)
	<-served
	return err
}

// drain ends the server when the requests under way have their replies, after
// DrainTimeout at the latest.
func drain(ctx context.Context, server *http.Server) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), DrainTimeout)
	defer cancel()
	if server.Shutdown(ctx) != nil {
		return server.Close()
	}
	return nil
}
