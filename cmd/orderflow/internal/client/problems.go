package client

import (
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"orderflow/domain"
)

// ProblemJSON is the media type of what the API answers instead of success.
const ProblemJSON = "application/problem+json"

// problem is an answer of the API that is no success, RFC 9457.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Errors []struct {
		Detail  string `json:"detail"`
		Pointer string `json:"pointer"`
	} `json:"errors"`
}

// ProblemError turns an answer that is no success into an error of the kind
// that the server meant, with the server's words.
func ProblemError(r *http.Response) error {
	data, _ := io.ReadAll(io.LimitReader(r.Body, MaxProblemBytes)) // what is lost is only the text
	var p problem
	if json.Unmarshal(data, &p) != nil || p.Status == 0 {
		return domain.Errorf(KindOfStatus(r.StatusCode), "the server answered %s, which is not from orderflow: is the address right?", r.Status)
	}
	text := cmp.Or(p.Detail, p.Title)
	for _, e := range p.Errors {
		if e.Detail != text {
			text += "\n  " + strings.TrimPrefix(e.Pointer+": ", ": ") + e.Detail
		}
	}
	if p.Status == http.StatusUnauthorized {
		text += "\n  The server wants to know who asks: put a token into " + TokenVariable + ", such as one that `orderflow token` prints."
	}
	return domain.Errorf(kindOfProblem(p), "%s", text)
}

// kindOfProblem goes by the type where one status means several things.
func kindOfProblem(p problem) domain.Kind {
	switch _, name, _ := strings.Cut(p.Type, "/problems/"); name {
	case "idempotency-key-reused":
		return domain.Mismatch
	case "rejected":
		return domain.Rejected
	case "outcome-unknown":
		return domain.Unknown
	case "read-only":
		return domain.ReadOnly
	case "incomplete-stream":
		return domain.Incomplete
	}
	return KindOfStatus(p.Status)
}

// KindOfStatus returns the kind of error that an HTTP status stands for.
func KindOfStatus(status int) domain.Kind {
	switch {
	case status == http.StatusNotFound, status == http.StatusGone:
		return domain.NotFound
	case status == http.StatusConflict, status == http.StatusPreconditionFailed:
		return domain.Conflict
	case status == http.StatusTooManyRequests:
		return domain.Exhausted
	case status == http.StatusServiceUnavailable, status == http.StatusBadGateway, status == http.StatusGatewayTimeout:
		return domain.Unavailable
	case status >= 400 && status < 500:
		return domain.Invalid
	}
	return domain.Internal
}
