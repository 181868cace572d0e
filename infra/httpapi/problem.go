package httpapi

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"orderflow/domain"
)

// ProblemDetail is one fault of a request.
type ProblemDetail struct {
	Pointer   string `json:"pointer,omitempty" doc:"Where the fault is in the body: a JSON pointer (RFC 6901) such as /lines/3/quantity; left out for the body as a whole"`
	Parameter string `json:"parameter,omitempty" doc:"The query parameter, header or part of the path at fault, if it is not the body"`
	Detail    string `json:"detail" doc:"What is wrong there"`
}

// Problem is every error this API answers with (RFC 9457).
type Problem struct { //nolint:errname // the field's word (RFC 9457)
	Type     string          `json:"type" format:"uri-reference" doc:"Names the kind of problem; GET it for cause and fix"`
	Title    string          `json:"title" doc:"The kind of problem in words; the same for every occurrence"`
	Status   int             `json:"status" doc:"The HTTP status"`
	Detail   string          `json:"detail,omitempty" doc:"What went wrong this time, for a person"`
	Instance string          `json:"instance,omitempty" doc:"The id of the request, as in the Request-Id header and the log"`
	Errors   []ProblemDetail `json:"errors,omitempty" doc:"Each fault of the request"`

	Code       string `json:"code,omitempty" doc:"RATE_LIMITED, with the problem of that name"`
	RetryAfter int    `json:"retry_after,omitempty" doc:"With RATE_LIMITED: seconds to wait, as in the Retry-After header"`

	allow      string // for method_not_allowed
	retryAfter int    // seconds; 0 is the type's own
	cause      error  // for the log, never for the client
}

// Error implements error.
func (p *Problem) Error() string { return p.Detail }

// Unwrap returns the operator's cause.
func (p *Problem) Unwrap() error { return p.cause }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return problemJSON }

// GetHeaders implements huma.HeadersError.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.allow != "" {
		h.Set("Allow", p.allow)
	}
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.retryAfter))
	}
	return h
}

const (
	problemJSON = "application/problem+json"
	plainJSON   = "application/json"
)

// problem builds an occurrence of the named type; an unknown name is a bug and internal.
func problem(name, detail string) *Problem {
	t, ok := problemTypes[name]
	if !ok {
		name, t = "internal", problemTypes["internal"]
	}
	return &Problem{Type: "/problems/" + name, Title: t.Title, Status: t.Status, Detail: detail, retryAfter: t.RetryAfter}
}

// problemFor returns the problem for an error, without causes that are the operator's.
func problemFor(err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	kind := domain.KindOf(err)
	p := problem(kindProblems[kind], "")
	p.cause = err
	if e, ok := errors.AsType[*domain.Error](err); ok && kind != domain.Internal {
		p.Detail = e.Text
	} else {
		p.Detail = "Something went wrong here, not with the request. The operator finds it in the log under the instance."
	}
	return p
}

// problemOfHuma returns the problem for an error of huma's own validation.
func problemOfHuma(m *huma.ErrorModel) *Problem {
	p := problem(statusProblems[m.Status], m.Detail)
	p.Status = m.Status
	if m.Status >= http.StatusInternalServerError {
		p.Detail = "Something went wrong here, not with the request."
		return p
	}
	for i, d := range m.Errors {
		if i == maxDetails {
			break
		}
		if d != nil {
			p.Errors = append(p.Errors, detailOfHuma(d))
		}
	}
	if len(p.Errors) > 0 {
		p.Detail = p.Errors[0].String()
	}
	return p
}

// invalidRequest returns the problem of a request with these faults.
func invalidRequest(faults ...ProblemDetail) *Problem {
	p := problem("invalid-request", faults[0].String())
	p.Errors = faults
	return p
}

// String returns the place of the fault and its text.
func (d ProblemDetail) String() string {
	return cmp.Or(d.Pointer, d.Parameter, "body") + ": " + d.Detail
}

// Refuse writes a problem response for middleware in front of the API. It carries
// no cause, so refusals are indistinguishable. retryAfter is in seconds; 0 means
// the default of the problem type.
func Refuse(w http.ResponseWriter, name, detail string, retryAfter int) {
	p := problem(name, detail)
	if retryAfter > 0 {
		p.retryAfter = retryAfter
	}
	if name == "rate-limited" {
		p.Code, p.RetryAfter = "RATE_LIMITED", p.retryAfter
	}
	writeProblem(w, p)
}

// maxDetails bounds the faults one problem lists.
const maxDetails = 20

// writeProblem answers with err as a problem; the request's id is in the headers already.
func writeProblem(w http.ResponseWriter, err error) {
	p := *problemFor(err)
	h := w.Header()
	p.Instance = h.Get(requestIDHeader)
	for name, values := range p.GetHeaders() {
		h[name] = values
	}
	h.Set("Content-Type", problemJSON)
	h.Del("ETag")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(&p) // the client may be gone
}
