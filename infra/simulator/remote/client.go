package remote

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
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

// failure is a request without success, before it becomes an error of a port.
type failure struct {
	kind   domain.Kind
	reason string
	text   string
	cause  error
}

// plain returns f as an error that is of no port.
func (f *failure) plain() error {
	if f == nil {
		return nil
	}
	return domain.Wrap(f.kind, f.cause, "%s", f.text)
}

// port returns f as an error with a port's Failure in it. A kind that a port does not
// have leaves open what happened.
func (f *failure) port(reason error) error {
	kind := f.kind
	switch kind {
	case domain.Rejected, domain.NotFound, domain.Unavailable, domain.Unknown:
	case domain.Internal, domain.Invalid, domain.Conflict, domain.Mismatch, domain.Exhausted, domain.ReadOnly, domain.Incomplete:
		kind = domain.Unknown
	}
	if f.cause != nil {
		reason = errors.Join(reason, f.cause)
	}
	return domain.Wrap(kind, reason, "%s", f.text)
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
	defer response.Body.Close() //nolint:errcheck // it is read to its end
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

// unanswered returns the failure of a request without a reply. If no connection was
// made, it was surely not sent.
func (c *Client) unanswered(ctx context.Context, err error, connected bool) *failure {
	f := &failure{kind: domain.Unavailable, reason: simulator.ReasonConnectionRefused, text: "The simulator at " + c.base + " cannot be reached", cause: err}
	if connected {
		f.kind, f.reason, f.text = domain.Unknown, simulator.ReasonConnectionLost, "The simulator at "+c.base+" did not reply"
	}
	timeout, ok := errors.AsType[net.Error](err)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		f.reason = simulator.ReasonCanceled
	case ctx.Err() != nil, connected && ok && timeout.Timeout():
		f.reason = simulator.ReasonTimeout
	}
	return f
}

// refused returns the failure that a reply other than 200 stands for. Only a reply in
// the service's own form says that nothing happened.
func (c *Client) refused(status int, data []byte) *failure {
	var said fault
	if json.Unmarshal(data, &said) != nil {
		said = fault{}
	}
	kind, known := domain.KindNamed(said.Kind)
	switch {
	case status == http.StatusUnauthorized:
		return &failure{kind: domain.Unavailable, reason: reasonUnauthorized, text: "The simulator at " + c.base + " has another secret; give both the same with --secret or ORDERFLOW_SIMULATOR_SECRET"}
	case known && kind == domain.Unavailable:
	case status >= http.StatusInternalServerError:
		return &failure{kind: domain.Unknown, reason: cmp.Or(said.Reason, reasonServerError), text: cmp.Or(said.Text, "The simulator at "+c.base+" failed")}
	case !known:
		return c.unreadable(nil)
	}
	return &failure{kind: kind, reason: said.Reason, text: said.Text}
}

func (c *Client) unreadable(cause error) *failure {
	return &failure{kind: domain.Unknown, reason: reasonUnreadableAnswer, text: "What answers at " + c.base + " is no simulator, or one of another version", cause: cause}
}
