package node

import (
	"net"
	"net/http"
	"strings"

	"orderflow/infra/httpapi"
)

// onThisMachine refuses requests for other names than this machine's own. Where
// callers are not told apart, a page in a browser of this machine must not get in
// by a name of its own that it had resolved to 127.0.0.1.
func onThisMachine(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isThisMachine(r.Host) {
			httpapi.Refuse(w, "forbidden", "Without authentication only requests to this machine's own names, such as 127.0.0.1 or localhost, are answered.", 0)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isThisMachine says whether a Host names loopback.
func isThisMachine(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.Trim(host, "[]"), ".")
	if ip := net.ParseIP(host); ip != nil {
		return ip.IsLoopback()
	}
	return strings.EqualFold(host, "localhost") || strings.HasSuffix(strings.ToLower(host), ".localhost")
}
