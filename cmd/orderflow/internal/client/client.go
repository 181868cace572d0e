package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"orderflow/domain"
)

// Limits of a client.
const (
	// MaxProblemBytes bounds the text of a problem that is shown.
	MaxProblemBytes = 64 << 10
	// MaxAnswerBytes bounds one answer; a page of events may be large.
	MaxAnswerBytes = 64 << 20
	// requestTimeout is longer than the server holds any answer back.
	requestTimeout = time.Minute
	// MaxRows bounds what one list holds in memory and prints.
	MaxRows = 100_000
)

// Client speaks the public API, over the network or within the process.
type Client struct {
	Base string // without a slash at the end
	HTTP *http.Client
}

// Request is one call. Zero fields are left out.
type Request struct {
	Method  string
	Path    string
	Query   url.Values
	Body    any
	Key     string // Idempotency-Key
	Wait    string // Prefer: wait=N, in seconds
	IfMatch string
	Last    string // Last-Event-ID
}

// Do makes a call and reads the answer into out, if out is not nil.
func (c *Client) Do(ctx context.Context, r Request, out any) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	answer, err := c.Send(ctx, r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if out == nil {
		_, err = io.Copy(io.Discard, io.LimitReader(answer.Body, MaxAnswerBytes))
		return err
	}
	return ReadAnswer(answer.Body, out)
}

// ReadAnswer reads one JSON value of at most maxAnswerBytes.
func ReadAnswer(body io.Reader, out any) error {
	if err := json.NewDecoder(io.LimitReader(body, MaxAnswerBytes)).Decode(out); err != nil {
		return domain.Wrap(domain.Unknown, err, "The server's answer cannot be read")
	}
	return nil
}

// Send makes a call; an answer that is no success is an error. The caller
// closes the body.
func (c *Client) Send(ctx context.Context, r Request) (*http.Response, error) {
	var body io.Reader
	if r.Body != nil {
		data, err := json.Marshal(r.Body)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(data)
	}
	address := c.Base + r.Path
	if len(r.Query) > 0 {
		address += "?" + r.Query.Encode()
	}
	ask, err := http.NewRequestWithContext(ctx, r.Method, address, body)
	if err != nil {
		return nil, domain.Wrap(domain.Invalid, err, "%q is not the address of a server", c.Base)
	}
	r.setHeaders(ask.Header)
	Bear(ask)
	answer, err := c.HTTP.Do(ask)
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	if answer.StatusCode >= http.StatusMultipleChoices {
		defer answer.Body.Close()
		return nil, ProblemError(answer)
	}
	return answer, nil
}

func (r Request) setHeaders(h http.Header) {
	set := func(name, value string) {
		if value != "" {
			h.Set(name, value)
		}
	}
	if r.Body != nil {
		h.Set("Content-Type", "application/json")
	}
	if r.Key != "" {
		h.Set("Idempotency-Key", `"`+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(r.Key)+`"`)
	}
	if r.Wait != "" {
		h.Set("Prefer", "wait="+r.Wait)
	}
	set("If-Match", r.IfMatch)
	set("Last-Event-ID", r.Last)
}

// TokenVariable names who asks, to a server that wants to know.
const TokenVariable = "ORDERFLOW_TOKEN" //nolint:gosec // the name of one is no secret

// Bear sends the token of the environment, if there is one. It is no flag: the
// command line of a process can be read by others.
func Bear(r *http.Request) {
	if token := os.Getenv(TokenVariable); token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
}

func (c *Client) unreachable(ctx context.Context, err error) error {
	if cause := ctx.Err(); errors.Is(cause, context.Canceled) {
		return cause
	}
	return domain.Wrap(domain.Unavailable, err,
		"There is no answer from %s: start one with `orderflow serve`, name another with --server URL, or work on a data directory with --data DIR", c.Base)
}

// All reads the pages of a list up to most rows, and says whether there are more.
func All[T any](ctx context.Context, c *Client, r Request, most int) (rows []T, more bool, err error) {
	rows = []T{}
	if r.Query == nil {
		r.Query = url.Values{}
	}
	for {
		var p Page[T]
		if err := c.Do(ctx, r, &p); err != nil {
			return nil, false, err
		}
		rows = append(rows, p.Items...)
		switch {
		case len(rows) > most, len(rows) == most && p.Next != "":
			return rows[:most], true, nil
		case p.Next == "":
			return rows, false, nil
		}
		r.Query.Set("cursor", p.Next)
	}
}
