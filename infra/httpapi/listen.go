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

// NewServer returns a server for handler with limits on every wait and size.
// It refuses an address that others than this machine can reach, because
// nobody who asks is authenticated yet.
func NewServer(addr string, handler http.Handler, logger *slog.Logger) (*http.Server, error) {
	if err := CheckLoopback(addr); err != nil {
		return nil, err
	}
	return &http.Server{
		Addr: addr, Handler: handler,
		ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: serverHeaderBytes,
		ErrorLog:       slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}, nil
}

// CheckLoopback is Invalid for an address that is not of this machine alone.
func CheckLoopback(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return domain.Wrap(domain.Invalid, err, "%q is not an address such as 127.0.0.1:8080.", addr)
	}
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	return domain.Errorf(domain.Invalid,
		"Orderflow listens on this machine only until it can tell its callers apart; %q is reachable from elsewhere. Use 127.0.0.1 or [::1].", addr)
}
