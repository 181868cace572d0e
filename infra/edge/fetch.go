package edge

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"orderflow/domain"
)

const (
	// fetchTimeout bounds one fetch of the key set, from the first byte to the last.
	fetchTimeout = 5 * time.Second
	// maxKeySetBytes bounds the key set; one of maxKeys large RSA keys fits.
	maxKeySetBytes = 256 << 10
)

// loader returns how the key set is read, from an address or a file.
func loader(o Options) (load func(context.Context) ([]byte, error), isFile bool, err error) {
	if !strings.Contains(o.JWKS, "://") {
		return func(context.Context) ([]byte, error) { return readKeys(o.JWKS) }, true, nil
	}
	u, err := url.Parse(o.JWKS)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http" {
		return nil, false, domain.Errorf(domain.Invalid, "The key set's address is not one such as https://issuer.example/.well-known/jwks.json.")
	}
	if u.Scheme == "http" && !isLoopback(u.Hostname()) {
		return nil, false, domain.Errorf(domain.Invalid, "The key set's address %s is not https: an attacker on the network could add a key.", u.Redacted())
	}
	client := &http.Client{
		Timeout: fetchTimeout, Transport: o.Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if client.Transport == nil { // a fetch is rare: keeping a connection would only keep a goroutine
		client.Transport = &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}
	}
	return func(ctx context.Context) ([]byte, error) { return fetchKeys(ctx, client, u.String()) }, false, nil
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func readKeys(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, domain.Wrap(domain.Invalid, err, "The key set cannot be read")
	}
	defer f.Close() //nolint:errcheck // it was only read
	return bounded(f)
}

func fetchKeys(ctx context.Context, client *http.Client, address string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, domain.Wrap(domain.Invalid, err, "The key set's address cannot be asked")
	}
	r.Header.Set("Accept", "application/jwk-set+json, application/json")
	answer, err := client.Do(r)
	if err != nil {
		return nil, domain.Wrap(domain.Unavailable, err, "The key set's address does not answer")
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK { // a redirect too: the address is to be the right one
		return nil, domain.Errorf(domain.Unavailable, "The key set's address answers %d.", answer.StatusCode)
	}
	return bounded(answer.Body)
}

func bounded(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxKeySetBytes+1))
	switch {
	case err != nil:
		return nil, domain.Wrap(domain.Unavailable, err, "The key set breaks off")
	case len(data) > maxKeySetBytes:
		return nil, domain.Errorf(domain.Invalid, "The key set has more than %d bytes.", maxKeySetBytes)
	}
	return data, nil
}

// host returns an address without its port.
func host(address string) string {
	if h, _, err := net.SplitHostPort(address); err == nil {
		return h
	}
	return address
}
