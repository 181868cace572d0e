package httpapi

import (
	"log/slog"
	"net"
	"net/http"
	"time"

	"orderflow/domain"
)

// Time limits of the server.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	idleTimeout       = 60 * time.Second
	// writeTimeout leaves room for the longest Prefer: wait; watchers set their own for each write.
	writeTimeout = MaxWait + 30*time.Second
	// serverHeaderBytes is where the server itself ends a request; guard refuses
	// well before.
	serverHeaderBytes = 4 * MaxHeaderBytes
)

// NewServer is [NewOpenServer] for a handler that does not tell callers apart:
// it refuses an address that others than this machine can reach.
func NewServer(addr string, handler http.Handler, logger *slog.Logger) (*http.Server, error) {
	if err := CheckLoopback(addr); err != nil {
		return nil, err
	}
	return NewOpenServer(addr, handler, logger), nil
}

// NewOpenServer returns a server for handler with limits on every wait and
// size, on any address: handler must know who may do what.
func NewOpenServer(addr string, handler http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Addr: addr, Handler: handler,
		ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: serverHeaderBytes,
		ErrorLog:       slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
}

// CheckLoopback is Invalid for an address that is not of this machine alone.
func CheckLoopback(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return domain.Wrap(domain.Invalid, err, "%q is not an address such as 127.0.0.1:8080", addr)
	}
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	return domain.Errorf(domain.Invalid,
		"Orderflow listens on this machine only unless it tells its callers apart; %q is reachable from elsewhere. Use 127.0.0.1 or [::1], or turn authentication on with --auth.", addr)
}
