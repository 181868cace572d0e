package remote

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"

	"orderflow/domain"
	"orderflow/infra/simulator"
)

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

// reasonOrKind returns the reason; a fault without one has its kind.
func (f *failure) reasonOrKind() string {
	if f.reason == "" {
		return f.kind.String()
	}
	return f.reason
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
