package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"orderflow/domain"
	"orderflow/infra/simulator"
)

// Client calls the simulator of another process. It sends every request once and may
// be used by many goroutines.
type Client struct {
	base   string
	secret string
	http   *http.Client
}

// NewClient returns a client of the service at base, such as http://127.0.0.1:2115. It
// does not connect yet.
func NewClient(base, secret string) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, domain.Errorf(domain.Invalid, "%q is not the address of a simulator; write http://HOST:PORT.", base)
	}
	if err := CheckSecret(secret); err != nil {
		return nil, err
	}
	dial := &net.Dialer{Timeout: ConnectTimeout, KeepAlive: 15 * time.Second}
	var protocols http.Protocols
	protocols.SetHTTP1(true) // HTTP/2 sends refused requests again
	return &Client{base: strings.TrimRight(base, "/"), secret: secret, http: &http.Client{
		Timeout: CallTimeout,
		Transport: &http.Transport{
			DialContext: dial.DialContext, TLSHandshakeTimeout: 2 * ConnectTimeout, Protocols: &protocols,
			MaxIdleConns: MaxIdleConns, MaxIdleConnsPerHost: MaxIdleConns, IdleConnTimeout: ReuseTimeout,
			MaxResponseHeaderBytes: MaxHeaderBytes, DisableCompression: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // a redirected request would be sent twice
	}}, nil
}

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Outage makes the provider with that name treat every call alike until it is set to
// [simulator.Work].
func (c *Client) Outage(ctx context.Context, p simulator.Provider, name string, b simulator.Behaviour) error {
	in, out := outage{Provider: p, Name: name, Behaviour: b}, outage{}
	f := c.post(ctx, outagePath, in, &out)
	if f == nil && out != in {
		f = c.unreadable(nil)
	}
	return f.plain()
}

// Summary returns what the ledger of the service adds up to, abridged; see
// [simulator.Summary.Abridged].
func (c *Client) Summary(ctx context.Context) (simulator.Summary, error) {
	var sum simulator.Summary
	f := c.post(ctx, summaryPath, struct{}{}, &sum)
	if f == nil && sum.Providers[simulator.Default].Captured == nil {
		f = c.unreadable(nil)
	}
	return sum, f.plain()
}

// call makes one call of a gateway or carrier.
func (c *Client) call(ctx context.Context, op simulator.Op, in request) (out answer, f *failure) {
	if !simulator.WellFormed(in.Name, in.Key, string(in.Order), in.ChargeKey, in.Token, string(in.Warehouse), in.Amount.Currency) {
		return out, &failure{kind: domain.Rejected, reason: simulator.ReasonInvalidRequest, text: "A name in the request is longer than the simulator takes, or not UTF-8"}
	}
	if f = c.post(ctx, pathPrefix+string(op), in, &out); f == nil && out.Key != in.Key {
		f = c.unreadable(nil)
	}
	return out, f
}

// post sends a request once and decodes the reply into out.
func (c *Client) post(ctx context.Context, path string, in, out any) *failure {
	body, err := json.Marshal(in)
	if err != nil {
		return &failure{kind: domain.Unavailable, reason: simulator.ReasonInvalidRequest, text: "The request cannot be sent", cause: err}
	}
	var connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }})
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+path, bytes.NewReader(body))
	if err != nil {
		return &failure{kind: domain.Unavailable, reason: simulator.ReasonInvalidRequest, text: "The request cannot be sent", cause: err}
	}
	r.GetBody = nil // the transport cannot send the request again
	r.Header.Set("Authorization", "Bearer "+c.secret)
	r.Header.Set("Content-Type", "application/json")
	response, err := c.http.Do(r)
	if err != nil {
		return c.unanswered(ctx, err, connected.Load())
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, MaxReplyBytes+1))
	switch {
	case err != nil:
		return c.unanswered(ctx, err, true)
	case response.StatusCode != http.StatusOK:
		return c.refused(response.StatusCode, data)
	case len(data) > MaxReplyBytes:
		return c.unreadable(nil)
	}
	if err := json.Unmarshal(data, out); err != nil {
		return c.unreadable(err)
	}
	return nil
}
