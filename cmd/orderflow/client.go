package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
	// maxProblemBytes bounds the text of a problem that is shown.
	maxProblemBytes = 64 << 10
	// maxAnswerBytes bounds one answer; a page of events may be large.
	maxAnswerBytes = 64 << 20
	// requestTimeout is longer than the server holds any answer back.
	requestTimeout = time.Minute
	// maxRows bounds what one list holds in memory and prints.
	maxRows = 100_000
)

// client speaks the public API, over the network or within the process.
type client struct {
	base string // without a slash at the end
	http *http.Client
}

// request is one call. Zero fields are left out.
type request struct {
	method  string
	path    string
	query   url.Values
	body    any
	key     string // Idempotency-Key
	wait    string // Prefer: wait=N, in seconds
	ifMatch string
	last    string // Last-Event-ID
}

// do makes a call and reads the answer into out, if out is not nil.
func (c *client) do(ctx context.Context, r request, out any) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	answer, err := c.send(ctx, r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if out == nil {
		_, err = io.Copy(io.Discard, io.LimitReader(answer.Body, maxAnswerBytes))
		return err
	}
	return readAnswer(answer.Body, out)
}

// readAnswer reads one JSON value of at most maxAnswerBytes.
func readAnswer(body io.Reader, out any) error {
	if err := json.NewDecoder(io.LimitReader(body, maxAnswerBytes)).Decode(out); err != nil {
		return domain.Wrap(domain.Unknown, err, "The server's answer cannot be read")
	}
	return nil
}

// send makes a call; an answer that is no success is an error. The caller
// closes the body.
func (c *client) send(ctx context.Context, r request) (*http.Response, error) {
	var body io.Reader
	if r.body != nil {
		data, err := json.Marshal(r.body)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(data)
	}
	address := c.base + r.path
	if len(r.query) > 0 {
		address += "?" + r.query.Encode()
	}
	ask, err := http.NewRequestWithContext(ctx, r.method, address, body)
	if err != nil {
		return nil, domain.Wrap(domain.Invalid, err, "%q is not the address of a server", c.base)
	}
	r.setHeaders(ask.Header)
	bear(ask)
	answer, err := c.http.Do(ask)
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	if answer.StatusCode >= http.StatusMultipleChoices {
		defer answer.Body.Close()
		return nil, problemError(answer)
	}
	return answer, nil
}

func (r request) setHeaders(h http.Header) {
	set := func(name, value string) {
		if value != "" {
			h.Set(name, value)
		}
	}
	if r.body != nil {
		h.Set("Content-Type", "application/json")
	}
	if r.key != "" {
		h.Set("Idempotency-Key", `"`+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(r.key)+`"`)
	}
	if r.wait != "" {
		h.Set("Prefer", "wait="+r.wait)
	}
	set("If-Match", r.ifMatch)
	set("Last-Event-ID", r.last)
}

// tokenVariable names who asks, to a server that wants to know.
const tokenVariable = "ORDERFLOW_TOKEN" //nolint:gosec // the name of one is no secret

// bear sends the token of the environment, if there is one. It is no flag: the
// command line of a process can be read by others.
func bear(r *http.Request) {
	if token := os.Getenv(tokenVariable); token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
}

func (c *client) unreachable(ctx context.Context, err error) error {
	if cause := ctx.Err(); errors.Is(cause, context.Canceled) {
		return cause
	}
	return domain.Wrap(domain.Unavailable, err,
		"There is no answer from %s: start one with `orderflow serve`, name another with --server URL, or work on a data directory with --data DIR", c.base)
}

// limit bounds what a list prints.
type limit struct {
	Limit int `help:"At most so many; 0 lists up to ${rows}." default:"50" placeholder:"N"`
}

// list reads a list up to its limit, and says so where it goes on after it.
func list[T any](ctx context.Context, c *client, r request, l limit, s streams) ([]T, error) {
	if l.Limit < 0 || l.Limit > maxRows {
		return nil, domain.Errorf(domain.Invalid, "--limit takes 0 to %d, not %d.", maxRows, l.Limit)
	}
	rows, more, err := all[T](ctx, c, r, cmp.Or(l.Limit, maxRows))
	if more {
		fmt.Fprintf(s.err, "orderflow: there are more than these %d; see more with --limit, or fewer with a filter\n", len(rows))
	}
	return rows, err
}

// all reads the pages of a list up to most rows, and says whether there are more.
func all[T any](ctx context.Context, c *client, r request, most int) (rows []T, more bool, err error) {
	rows = []T{}
	if r.query == nil {
		r.query = url.Values{}
	}
	for {
		var p page[T]
		if err := c.do(ctx, r, &p); err != nil {
			return nil, false, err
		}
		rows = append(rows, p.Items...)
		switch {
		case len(rows) > most, len(rows) == most && p.Next != "":
			return rows[:most], true, nil
		case p.Next == "":
			return rows, false, nil
		}
		r.query.Set("cursor", p.Next)
	}
}
